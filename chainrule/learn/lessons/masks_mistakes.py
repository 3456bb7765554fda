"""The chapters on common mistakes, in the lesson on MADE's masks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from chainrule.checks import LeakReport, check_leak
from chainrule.domains import Binary
from chainrule.figures import leak_figure, to_png
from chainrule.formatting import fixed
from chainrule.learn.binary_likelihoods import empirical_probs, entropy, sum_over_inputs
from chainrule.learn.figures import made_mask_figures as figures
from chainrule.learn.lessons.mean_and_error import format_mean
from chainrule.learn.lessons.patch_models import SIDE, load_patches
from chainrule.learn.made_masks import build_masks, count_nonzero_weights, count_paths, get_masks, replace_comparisons
from chainrule.models.made import MADE
from chainrule.reports import Page
from chainrule.training import fit

SITES, HIDDEN = SIDE * SIDE, 32
"""Sites and hidden units of the networks for patches."""
PASSES = 12
"""The number of passes; each pass multiplies a different mask into the weights."""
COMPARISONS = {("≥", ">"): (False, True), ("≥", "≥"): (False, False), (">", ">"): (True, True)}
"""The comparisons of M^W and M^V, and whether they are strict: of MADE, and of two networks with a mistake."""


def add_useless_degrees(page: Page) -> None:
    format_range, m = torch.arange(1, 5), torch.arange(5)
    w, v = build_masks(format_range, [m])
    rows = [
        [str(k), format_open_entries(w[k]), format_open_entries(v[:, k]), describe_use(w[k], v[:, k])]
        for k in range(len(m))
    ]
    page.heading("Degrees of 0 and of D", 3)
    page.paragraph(
        "Why are the degrees between 1 and D − 1? A unit with m(k) = 0 sees no input. It is a constant, and the "
        "biases already provide constants. A unit with m(k) = D sees all inputs, so no output may read it. These two "
        "units do not leak, but they are useless."
    )
    page.table(["m(k)", "sees inputs", "read by outputs", ""], rows, "Four sites.")
    page.paragraph(
        "In deep networks the same can happen between layers. A unit with a smaller degree than all units of the "
        "layer below sees nothing. A unit with a greater degree than all units of the layer above is read by no "
        "unit. So the degrees of each layer are drawn from the smallest degree of the layer below up to D − 1, and "
        "in chainrule one unit of each layer always has the degree D − 1."
    )


def format_open_entries(row: Tensor) -> str:
    """Format the indices, from 1, of the entries of a mask that are 1."""
    return ", ".join(str(index + 1) for index in row.nonzero().flatten().tolist()) or "none"


def describe_use(sees: Tensor, read: Tensor) -> str:
    """Describe why a unit is useless; return an empty text if it is useful."""
    if not sees.any():
        return "a constant"
    return "" if read.any() else "no output reads it"


def add_wrong_comparison(page: Page, progress: Callable[[float], None]) -> None:
    page.heading("The wrong comparison", 3)
    honest = MADE(Binary((SITES,)), hidden=(HIDDEN,), seed=0)
    models = {
        words: replace_comparisons(honest, strict_hidden=hidden, strict_output=output)
        for words, (hidden, output) in COMPARISONS.items()
    }
    _, leaky, blind = models.values()
    report = find_leaks(leaky)
    page.paragraph(
        "With ≥ in place of > in M^{V}, output d reads the units of degree d, which see x_{d}. The program raises "
        "no error, and the training loss looks excellent. `check_leak` finds the mistake without training: "
        f"{len(report.leaks)} of the {SITES} outputs see their own input. Only the last output does not, because no "
        f"unit has degree {SITES}."
    )
    page.figure(
        to_png(leak_figure(report, title="$M^V$ with ≥ in place of >")),
        "The inputs that each output depends on, in the network with the wrong comparison. The diagonal should be "
        "empty. (Here sites are numbered from 0.)",
        "A matrix of outputs and inputs: a lower triangle that may be seen, and a diagonal that leaks.",
        "masks-leak.png",
    )
    progress(0.2)
    add_likelihoods(page, models, progress)
    pairs = [int((count_paths(*get_masks(model)) > 0).sum()) for model in (blind, honest)]
    page.paragraph(
        "The opposite mistake, > in place of ≥ in M^{W}, does not leak and is harder to notice. Each unit sees one "
        f"input less than it may, so only {pairs[0]} of {pairs[1]} permitted pairs have a path. Its probabilities do "
        "sum to 1. It is a valid model, only worse than necessary. For this reason `check_leak` also reports which "
        "share of the past each output sees."
    )


def add_likelihoods(page: Page, models: dict[tuple[str, str], MADE], progress: Callable[[float], None]) -> None:
    patches = load_patches()
    page.paragraph(
        "What is the effect on the likelihood? Three networks with different comparisons learn 3×3 patches of "
        f"handwritten digits, black or white, so that all 2^{{{SITES}}} = {2**SITES} inputs can be listed:"
    )
    rows = []
    for number, (words, model) in enumerate(models.items(), 1):
        train(model, patches.train)
        rows.append([*words, format_nll(model, patches.test), fixed(sum_probs(model), 2)])
        progress(0.2 + 0.8 * number / len(models))
    page.table(
        ["M^{W}", "M^{V}", "test NLL, nats a datum", "Σ p(x), all inputs"],
        rows,
        f"{len(patches.train):,} training patches, {len(patches.test)} test patches; ± is the standard error. The "
        "first row is MADE.",
    )
    page.paragraph(
        "The leaking network seems far better, but it is not a distribution: its “probabilities” sum to far more "
        "than 1. The NLL (negative log-likelihood) alone also reveals this. The empirical distribution of the test "
        f"patches has an entropy of {fixed(entropy(empirical_probs(patches.test)), 2)} nats. No distribution, not "
        "even one fitted to the test data, has a mean NLL below this entropy. If a likelihood is too good to be "
        "true, look for a leak first."
    )


def train(model: MADE, train: Tensor) -> None:
    """Train a model for a short time."""
    fit(model, train, updates=250, lr=0.01, ema=0.95, progress=False, precision="float32", device="cpu")


@torch.no_grad()
def format_nll(model: MADE, test: Tensor) -> str:
    """Format the mean NLL and its standard error."""
    return format_mean(-model.log_prob(test))


@torch.no_grad()
def sum_probs(model: MADE) -> float:
    """Return Σ p(x) over all inputs."""
    return sum_over_inputs(model.log_prob, SITES)


def find_leaks(model: MADE) -> LeakReport:
    """Return the report of `check_leak` on the logits of a model, without use of its masks."""

    def logits(x: Tensor) -> Tensor:
        return model.conditionals(x).params.squeeze(-1)

    return check_leak(logits, (SITES,), levels=2, layout="n,d", scale="levels")


def add_overwritten_weights(page: Page) -> None:
    family = MADE(Binary((SITES,)), hidden=(HIDDEN,), agnostic="both", seed=0)
    (first, last), *others = [get_masks(member)[0] for member in family.members(PASSES)]
    masks = [first, *(mask for mask, _ in others)]
    left, never_closed = count_nonzero_weights(masks), torch.stack(masks).all(0)
    whole, still = (int((count_paths([mask, last]) > 0).sum()) for mask in (first, never_closed))
    page.heading("Masks that overwrite the weights", 3)
    page.paragraph(
        "Some programs apply a mask by `weight.data *= mask`. With a mask that never changes this is harmless. If "
        "the masks change, as in the training for all orders (the lesson `orders`), a weight that one mask sets to "
        f"0 stays 0 for all later masks, and its learned value is lost. Of the {first.numel()} weights of a first "
        f"layer, {left[0]} are not 0 after the first pass, {left[3]} after four passes, and {left[-1]} after "
        f"{PASSES} passes. With the masks of the first network {whole} pairs of an output and an input have a path; "
        f"{still} of them remain."
    )
    page.figure(
        to_png(figures.plot_lost_weights(left, weights=first.numel())),
        "The number of weights of a layer that are not 0: if each pass overwrites the weights, and if it multiplies "
        "by the mask only when it uses them.",
        "A falling curve of weights that are not 0, and a constant line.",
        "masks-lost.png",
    )
    page.paragraph(
        "chainrule computes `mask * weight` each time the weight is used, and does not overwrite the weight. A "
        "masked weight gets a derivative of 0, and it still has its value when another mask permits it."
    )
