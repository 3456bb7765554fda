"""The chapters on what goes wrong with masks, in the lesson on MADE's masks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from chainrule.checks import LeakReport, check_leak
from chainrule.domains import Binary
from chainrule.figures import leak_figure, to_png
from chainrule.formatting import fixed
from chainrule.learn.distribution import entropy, frequencies, total
from chainrule.learn.lessons.measured import mean_of
from chainrule.learn.lessons.patches import SIDE, load
from chainrule.learn.masks import masks_in, masks_of, paths, weights_left, with_comparisons
from chainrule.learn.pictures import masks as pictures
from chainrule.models.made import MADE
from chainrule.reports import Page
from chainrule.training import fit

SITES, HIDDEN = SIDE * SIDE, 32
"""Of networks over patches."""
PASSES = 12
"""In each of which another mask is multiplied into the weights."""
COMPARISONS = {("≥", ">"): (False, True), ("≥", "≥"): (False, False), (">", ">"): (True, True)}
"""What M^W and M^V compare with, and whether that is strict: MADE's, one that leaks, and one that is half blind."""


def degrees_that_waste(page: Page) -> None:
    sites, m = torch.arange(1, 5), torch.arange(5)
    w, v = masks_of(sites, [m])
    rows = [[str(k), told(w[k]), told(v[:, k]), verdict(w[k], v[:, k])] for k in range(len(m))]
    page.heading("Degrees of 0 and of D", 3)
    page.paragraph(
        "Why from 1 to D − 1? A unit with m(k) = 0 sees no input: it is a constant, which the biases have already. A "
        "unit with m(k) = D sees all inputs, and so no output may read it. Neither leaks; both are wasted."
    )
    page.table(["m(k)", "sees inputs", "read by outputs", ""], rows, "Four sites.")
    page.paragraph(
        "In deep networks the same happens between layers: a unit with a smaller degree than all units below it sees "
        "nothing, one with a greater degree than all units above it is read by nobody. So each layer draws from the "
        "smallest degree of the layer below, and in chainrule one unit of each layer always has D − 1."
    )


def told(row: Tensor) -> str:
    """The places, from 1, at which a mask is open."""
    return ", ".join(str(place + 1) for place in row.nonzero().flatten().tolist()) or "none"


def verdict(sees: Tensor, read: Tensor) -> str:
    """Is the unit of any use?"""
    if not sees.any():
        return "a constant"
    return "" if read.any() else "nobody reads it"


def leaks(page: Page, tell: Callable[[float], None]) -> None:
    page.heading("The wrong comparison", 3)
    honest = MADE(Binary((SITES,)), hidden=(HIDDEN,), seed=0)
    models = {words: with_comparisons(honest, *strict) for words, strict in COMPARISONS.items()}
    _, leaky, blind = models.values()
    report = found_in(leaky)
    page.paragraph(
        "Write ≥ for > in M^{V}, and output d reads the units of degree d, which see x_{d}. Nothing crashes, and "
        f"training looks splendid. `check_leak` finds it without training: of {SITES} outputs, {len(report.leaks)} see "
        f"their own input, all but the last, since no unit has degree {SITES}."
    )
    page.figure(
        to_png(leak_figure(report, "$M^V$ with ≥ in place of >")),
        "Who sees whom in the network with the wrong comparison: the diagonal should be empty. (Sites are counted "
        "from 0 here.)",
        "A matrix of outputs and inputs: a lower triangle that may be seen, and a diagonal that leaks.",
        "masks-leak.png",
    )
    tell(0.2)
    likelihoods(page, models, tell)
    pairs = [int((paths(*masks_in(model)) > 0).sum()) for model in (blind, honest)]
    page.paragraph(
        "The other swap, > for ≥ in M^{W}, leaks nothing and is harder to notice: each unit sees one input less than "
        f"it may, so that {pairs[0]} of {pairs[1]} permitted pairs have a path. Its probabilities do add up to 1. It "
        "is a model, only a worse one than it could be. That is why `check_leak` also says how much of the past is "
        "seen."
    )


def likelihoods(page: Page, models: dict[tuple[str, str], MADE], tell: Callable[[float], None]) -> None:
    patches = load()
    page.paragraph(
        "What does it do to a likelihood? Networks with either comparison learn 3×3 patches of handwritten digits, "
        f"black or white, so that all 2^{{{SITES}}} = {2**SITES} inputs can be gone through:"
    )
    rows = []
    for number, (words, model) in enumerate(models.items(), 1):
        learn(model, patches.train)
        rows.append([*words, nats_of(model, patches.test), fixed(total_of(model), 2)])
        tell(0.2 + 0.8 * number / len(models))
    page.table(
        ["M^{W}", "M^{V}", "test NLL, nats a datum", "Σ p(x), all inputs"],
        rows,
        f"{len(patches.train):,} patches to learn from, {len(patches.test)} to test on, ± a standard error. The "
        "first row is MADE.",
    )
    page.paragraph(
        "The leaking network looks far better, and it is no model at all: what it calls probabilities adds up to far "
        "more than 1. One can tell from the NLL alone. The test patches have an entropy of "
        f"{fixed(entropy(frequencies(patches.test)), 2)} nats, by how often each occurs; no distribution, not even one "
        "made from the test data themselves, has a mean NLL below that. A likelihood that is too good to be true is a "
        "leak until shown otherwise."
    )


def learn(model: MADE, train: Tensor) -> None:
    """A short training."""
    fit(model, train, updates=250, lr=0.01, ema=0.95, progress=False, precision="float32", device="cpu")


@torch.no_grad()
def nats_of(model: MADE, test: Tensor) -> str:
    """The mean NLL and its standard error."""
    return mean_of(-model.log_prob(test))


@torch.no_grad()
def total_of(model: MADE) -> float:
    """Σ p(x) over all inputs."""
    return total(model.log_prob, SITES)


def found_in(model: MADE) -> LeakReport:
    """What `check_leak` finds, asked as it would be of anybody's network: by its outputs alone."""

    def logits(x: Tensor) -> Tensor:
        return model.conditionals(x).params.squeeze(-1)

    return check_leak(logits, (SITES,), levels=2, layout="n,d", scale="levels")


def lost_weights(page: Page) -> None:
    family = MADE(Binary((SITES,)), hidden=(HIDDEN,), agnostic="both", seed=0)
    (first, last), *others = [masks_in(member)[0] for member in family.members(PASSES)]
    masks = [first, *(mask for mask, _ in others)]
    left, never_closed = weights_left(masks), torch.stack(masks).all(0)
    whole, still = (int((paths([mask, last]) > 0).sum()) for mask in (first, never_closed))
    page.heading("Masks that eat the weights", 3)
    page.paragraph(
        "Some programs apply a mask by `weight.data *= mask`. With one mask for ever that is harmless. Where masks "
        "change, as in the training for all orders that the lesson `orders` tells of, a weight that one mask has "
        f"closed is 0 for all others, and what it had learned is lost. Of the {first.numel()} weights of a first "
        f"layer, {left[0]} are left after the first pass, {left[3]} after four, {left[-1]} after {PASSES}. Of the "
        f"{whole} pairs of an output and an input for which the first network's masks leave a path, {still} are left."
    )
    page.figure(
        to_png(pictures.lost_figure(left, first.numel())),
        "Weights of a layer that are not 0, when each pass multiplies a mask into them, and when it multiplies by the "
        "mask on the way.",
        "A falling curve of weights that are left, and a line that stays where it is.",
        "masks-lost.png",
    )
    page.paragraph(
        "chainrule computes `mask * weight` each time the weight is used, and never changes the weight by it. A closed "
        "weight gets a derivative of 0, and is still there when another mask opens it."
    )
