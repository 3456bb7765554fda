"""The lesson on distributions: why an autoencoder's outputs are not a likelihood, and how to correct this."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from chainrule.checks import check_leak
from chainrule.figures import to_png
from chainrule.formatting import percent
from chainrule.learn.autoencoder import Autoencoder
from chainrule.learn.binary_likelihoods import (
    bernoulli_probs,
    cross_entropy,
    empirical_probs,
    entropy,
    enumerate_inputs,
    reconstruction_probs,
    sum_over_inputs,
)
from chainrule.learn.figures.likelihood_figures import plot_patterns, plot_reconstruction_tables, plot_totals
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.mean_and_error import format_mean
from chainrule.learn.lessons.patch_models import (
    FEWER_UPDATES,
    FLIP_RATE,
    LEFT,
    NARROW,
    SIDE,
    TOP,
    WIDE,
    Patches,
    Row,
    evaluate_models,
    fit_independent,
    load_patches,
    read_as_log_prob,
    train_autoencoder,
    train_autoencoders,
    train_made,
)
from chainrule.learn.source_code import read_source
from chainrule.models import MADE, AutoregressiveModel
from chainrule.reports import Page, StageProgress

Autoencoders = Mapping[str, Autoencoder]
Network = Callable[[Tensor], Tensor]
"""A function from data [n, D] to outputs [n, D]."""

MNIST = 784
"""The number of pixels of an MNIST image, on which MADE was first tested."""
MIDDLE = SIDE * SIDE // 2
"""The index of the middle pixel of a patch; with its two neighbours it is the middle row."""
NUM_PATTERNS = 10
"""The number of the most frequent patches in the figure."""


def write(page: Page, progress: StageProgress) -> None:
    patches = load_patches()
    autoencoders = train_autoencoders(patches)
    progress(0.4)
    model = train_made(patches)
    rows = evaluate_models(patches, autoencoders, model, progress)
    add_first_attempt(page, patches, next(iter(autoencoders.values())))
    add_sum(page, patches, autoencoders)
    add_single_site(page, patches, autoencoders, model)
    add_tables(page, patches)
    progress(0.8)
    add_division(page, patches, rows)
    add_independence(page, patches, rows)
    add_derivation(page, patches, model)
    add_comparison(page, patches, rows, model)
    add_leak_check(page, patches, next(iter(autoencoders.values())), model)
    progress(1.0)


def add_first_attempt(page: Page, patches: Patches, coder: Autoencoder) -> None:
    x, sites = patches.test, patches.sites
    page.paragraph(
        "The outputs of an autoencoder lie between 0 and 1, and its loss is a sum of logarithms. It is tempting to "
        "interpret each output as the probability that its pixel is 1, the product of these probabilities as p(x), "
        "and the loss as −log p(x). This lesson tests this interpretation, and finds what is wrong with it. The "
        "correction is the idea behind all models of this library."
    )
    page.heading("The first attempt")
    page.paragraph(
        f"The test needs a list of all possible inputs. So a datum is small: a patch of {SIDE}×{SIDE} pixels from "
        f"the middle of a handwritten digit (rows {TOP} to {TOP + SIDE - 1}, columns {LEFT} to {LEFT + SIDE - 1} of "
        f"8×8). It has D = {sites} sites, and there are 2^{{{sites}}} = {2**sites} possible patches. Each digit "
        f"gives one patch: {len(patches.train):,} patches for training, {len(x)} for testing. The autoencoder of the "
        f"last lesson, with {WIDE} hidden units, is trained on the training patches. Then this program interprets "
        "its outputs as probabilities:"
    )
    page.code(read_source(bernoulli_probs), "python")
    page.paragraph(
        "(`check_outputs` raises an error if x has values other than 0 and 1, or if an output is not between 0 and 1.)"
    )
    attempt, floor = -read_as_log_prob(coder)(x), entropy(empirical_probs(x))
    page.paragraph(
        f"The mean −log “p(x)” of the test patches is {format_mean(attempt, 3)} nats. This is lower than possible. For "
        "any distribution q, the mean of −log q(x) over a data set is at least the entropy of the empirical "
        "distribution of this data set (Gibbs' inequality), and only the empirical distribution itself reaches this "
        f"bound. For the {len(x)} test patches the bound is {floor:.2f} nats. A function “p” with a lower mean is "
        "not a distribution."
    )


def add_sum(page: Page, patches: Patches, autoencoders: Autoencoders) -> None:
    totals = {name: sum_over_inputs(read_as_log_prob(each), patches.sites) for name, each in autoencoders.items()}
    first, narrow, noise = totals.values()
    page.heading("The sum over all inputs")
    page.paragraph(f"A distribution sums to 1. Here the sum of all 2^{{{patches.sites}}} terms can be computed:")
    page.code(read_source(sum_over_inputs), "python")
    page.paragraph(
        "(`check_log_probs` raises an error if the function does not return one number for each input.) For this "
        f"autoencoder Σ_{{x}} “p(x)” is {first:.1f}, the sum of {2**patches.sites} terms between 0 and 1. Almost "
        "every input gets a “probability” near 1, because a term measures how well the network copies its input: "
        f"the sum counts the inputs that are copied. A constraint makes the sum smaller, but not 1: with {NARROW} "
        f"hidden units it is {narrow:.1f}, and after training with {100 * FLIP_RATE:.0f} % of the pixels flipped it is "
        f"{noise:.1f}. Neither training loss requires the sum to be 1."
    )


def add_single_site(page: Page, patches: Patches, autoencoders: Autoencoders, model: MADE) -> None:
    sites = patches.sites
    page.heading("The error at one site")
    single = patches.select([MIDDLE])
    alone = train_autoencoder(single, updates=FEWER_UPDATES)
    no, yes = alone(enumerate_inputs(1)).flatten().tolist()
    page.paragraph(
        "The smallest case is D = 1. Train an autoencoder on the middle pixel alone. For the input x = 1 its output "
        f"is x̂ = {yes:.3f}. For the input x = 0 its output is x̂ = {no:.3f}, so 1 − x̂ = {1 - no:.3f}. The "
        f"probabilities of the two values sum to {sum_over_inputs(read_as_log_prob(alone), 1):.3f}, because the "
        "output x̂ depends on the value x whose probability it should give. A network that copies perfectly gets a "
        "sum of 2 at each site, and 2^{D} in total."
    )
    page.paragraph(
        f"The table repeats this test for the last pixel of a test patch, with its other {sites - 1} pixels unchanged:"
    )
    networks = {
        **{name: each.forward for name, each in autoencoders.items()},
        "Independent": output_probs(fit_independent(patches)),
    }
    networks["MADE"] = output_probs(model)
    page.table(
        ["network", f"x̂_{{{sites}}} if x_{{{sites}}} = 0", f"x̂_{{{sites}}} if x_{{{sites}}} = 1", "p(0) + p(1)"],
        [[name, *format_site_sum(each, patches.test[0])] for name, each in networks.items()],
        "p(0) is 1 − x̂ for an input pixel of 0, and p(1) is x̂ for an input pixel of 1. They belong to one "
        "distribution only if x̂ is the same in both columns. This requires that the output does not depend on its "
        "own pixel.",
    )


def output_probs(model: AutoregressiveModel) -> Network:
    """Return the function from data to the outputs x̂, the probabilities p(x_d = 1 | x_<d)."""
    return lambda x: model.conditionals(x).logits.double().sigmoid()


@torch.no_grad()
def format_site_sum(network: Network, x: Tensor) -> list[str]:
    """Format the last output for its own site 0 and 1, and the sum of the probabilities of both values."""
    both = x.repeat(2, 1)
    both[:, -1] = torch.tensor([0, 1])
    no, yes = network(both)[:, -1].tolist()
    return [f"{no:.4f}", f"{yes:.4f}", f"{1 - no + yes:.4f}"]


def add_tables(page: Page, patches: Patches) -> None:
    evaluate_row = patches.select([MIDDLE - 1, MIDDLE, MIDDLE + 1])
    coder, model = (
        train_autoencoder(evaluate_row, updates=FEWER_UPDATES),
        train_made(evaluate_row, updates=FEWER_UPDATES),
    )
    tables = {
        "autoencoder": reconstruction_probs(coder.logits, evaluate_row.sites),
        "MADE": reconstruction_probs(lambda x: model.conditionals(x).logits, evaluate_row.sites),
    }
    page.heading("The error in the table q(y | x)")
    page.paragraph(
        "The outputs for one input x are a correct distribution: q(y | x), the distribution of another vector y "
        "with independent sites, and Σ_{y} q(y | x) = 1 for every x. It answers the question: which vector y was "
        "the clean input, given the corrupted or compressed input x? The first attempt sets y = x. It takes q(x | "
        "x) from the distribution for one x, the next value from the distribution for another x, and calls them p. "
        f"With {evaluate_row.sites} pixels (the middle row of the patch) the whole table can be plotted:"
    )
    page.figure(
        to_png(
            plot_reconstruction_tables(
                tables, ["".join(map(str, each)) for each in enumerate_inputs(evaluate_row.sites).tolist()]
            )
        ),
        "q(y | x) for all inputs x and outputs y. Each row sums to 1. “p(x)” is the framed diagonal: one entry of "
        f"each row. The diagonal of the autoencoder sums to {tables['autoencoder'].trace():.2f}. The outputs of MADE "
        "depend only on the pixels before their own pixel, and its diagonal sums to 1.",
        "Two tables of 8 by 8 probabilities; the autoencoder's has its mass on the diagonal, MADE's is spread",
        "distributions-tables.png",
    )


def add_division(page: Page, patches: Patches, rows: Sequence[Row]) -> None:
    coder, divided, coins = (find_row(rows, name) for name in (rows[0].name, "autoencoder / its sum", "uniform"))
    page.heading("Divide by the sum")
    page.paragraph(
        f"Divide every “p(x)” by {coder.total:.1f}, and the quotients sum to 1. For D = {patches.sites} this is "
        f"possible, and it adds log {coder.total:.1f} = {math.log(coder.total):.2f} nats to every error: "
        f"{format_mean(divided.test, 3)} nats for test patches. A uniform distribution over all patches, which has "
        f"learned nothing, costs D ln 2 = {coins.test.mean():.3f} nats. The autoencoder had learned to copy, and "
        "after the division almost nothing of its advantage is left. One would have to train on the quotient. But "
        f"the sum changes with every update, and for the {MNIST} pixels of MNIST it has 2^{{{MNIST}}} ≈ "
        f"10^{{{round(MNIST * math.log10(2))}}} terms. The solution is a network whose sum is 1 for all weights."
    )


def add_independence(page: Page, patches: Patches, rows: Sequence[Row]) -> None:
    x, alone, counted = patches.train.double(), find_row(rows, "Independent"), find_row(rows, "empirical frequencies")
    page.heading("Two assumptions of independence")
    page.paragraph(
        "The first attempt is often criticized for its “i.i.d. assumption”: independent, identically distributed. "
        "The name is used for two different assumptions, and only one of them is wrong here."
    )
    one, other = find_dependent_pair(x)
    share, joint = x.mean(0), (x[:, one] * x[:, other]).mean().item()
    page.points([
        "Data: the patches of different digits are assumed to be independent samples from one distribution. Every "
        "model here assumes this. Because of it, −log p of a data set is a sum over its data, and ± is the standard "
        "deviation / √n. The assumption is reasonable for these patches, because each one comes from a different "
        "image; two patches of one image would depend on each other.",
        "Sites: the pixels within a patch. A product of D separate probabilities assumes that the pixels are "
        f"independent. They are not: pixels {one + 1} and {other + 1} are both 1 in {percent(joint)} of the training "
        f"patches, and the product of their frequencies is {percent((share[one] * share[other]).item())}. They are "
        f"not identically distributed either: a pixel is 1 in {percent(share.min().item())} to "
        f"{percent(share.max().item())} of the patches, depending on its position.",
    ])  # fmt: skip
    price = alone.train.mean() - counted.train.mean()
    page.paragraph(
        "`cr.Independent` is a model that assumes independent sites. It is a distribution: its sum is "
        f"{alone.total:.4f}. But it ignores the dependence between pixels, and its NLL is high: "
        f"{format_mean(alone.test)} nats. (NLL is the negative log-likelihood, −log p.) On the training patches its "
        f"NLL is exactly Σ_{{d}} H(x_{{d}}) − H(x) = {price:.2f} nats above the lowest possible. The autoencoder "
        "makes the opposite error: each of its outputs depends on every pixel, also on its own. An output must not "
        "depend on too many pixels, and a good output should not depend on too few."
    )


def find_dependent_pair(x: Tensor) -> tuple[int, int]:
    """Return the two sites whose joint frequency of ones differs most from the product of their frequencies."""
    differs = (x.T @ x / len(x) - torch.outer(x.mean(0), x.mean(0))).abs()
    return divmod(int(differs.triu(1).argmax()), x.shape[1])


def add_derivation(page: Page, patches: Patches, model: MADE) -> None:
    page.heading("The inputs that an output may depend on")
    page.paragraph(
        "The product rule says which pixels are allowed: the factor of x_{d} may depend on x_{<d}, the sites before "
        "x_{d}, and on nothing else. So let output d depend only on x_{<d}, and interpret it as a probability as "
        "before:"
    )
    add_formulas(page, "product-rule", "output-probability")
    page.paragraph(
        "The loss is still the cross-entropy of an autoencoder. Insert the probabilities. One of the two terms of "
        "each site is zero, because x_{d} is 1 or 0:"
    )
    add_formulas(page, "likelihood-of-ones", "likelihood")
    page.paragraph(
        "Now the sum over all inputs is always 1. To prove this, sum over the last site first. Its two values have "
        "the same x̂_{D}, because x̂_{D} does not depend on x_{D}, and x̂_{D} + (1 − x̂_{D}) = 1. Then sum over the "
        "site before it, and so on. The table shows the loss of one test patch under a trained `cr.MADE`, site by "
        "site:"
    )
    add_site_losses(page, patches.test[:1], model)
    page.paragraph(
        "The training needs nothing else. Compared with the autoencoder, only the inputs of each output changed. One "
        "numerical error is possible: " + explain_rounding()
    )


@torch.no_grad()
def add_site_losses(page: Page, x: Tensor, model: MADE) -> None:
    """Add the NLL of one datum [1, D], computed in three ways."""
    x_hat = output_probs(model)(x)
    p = bernoulli_probs(x, x_hat)
    rows = [
        [str(site), str(value), f"{output:.4f}", f"{share:.4f}", f"{-math.log(share):.4f}"]
        for site, (value, output, share) in enumerate(
            zip(*(each[0].tolist() for each in (x, x_hat, p)), strict=True), 1
        )
    ]
    page.table(["d", "x_{d}", "x̂_{d}", "p(x_{d} | x_{<d})", "−log p"], rows)
    every = enumerate_inputs(x.shape[1])
    ways = compute_nlls(every, model)
    page.paragraph(
        f"The last column sums to {-p.log().sum():.4f} nats. The cross-entropy formula gives "
        f"{cross_entropy(x, x_hat).item():.4f}, and −`model.log_prob(x)` is {-model.log_prob(x).item():.4f}. On all "
        f"{len(every)} inputs the three differ by at most {max_difference(ways):.0e} nats, which is rounding error."
    )


@torch.no_grad()
def compute_nlls(x: Tensor, model: AutoregressiveModel) -> Tensor:
    """Return −log p(x) as cross-entropy, as the sum of −log p(x_d | x_<d), and from the model: float64 [3, n]."""
    x_hat = output_probs(model)(x)
    by_site = -bernoulli_probs(x, x_hat).log()
    return torch.stack([cross_entropy(x, x_hat), by_site.sum(1), -model.log_prob(x).double()])


def max_difference(ways: Tensor) -> float:
    """Return the largest difference between the rows."""
    return (ways.amax(0) - ways.amin(0)).max().item()


def explain_rounding() -> str:
    """Return a sentence on why the cross-entropy is computed from logits."""
    z, x = torch.tensor([[20.0]]), torch.zeros(1, 1)
    rounded, safe = cross_entropy(x, z.sigmoid()).item(), cross_entropy(x, z, logits=True).item()
    return (
        f"in float32 sigm(20) is rounded to {z.sigmoid().item():.0f}, and the loss of a pixel that is 0 becomes "
        f"{'infinite' if math.isinf(rounded) else rounded}. So the library computes the loss from the logit z, the "
        f"number before the sigmoid: −log sigm(z) = log(1 + e^{{−z}}) and 1 − sigm(z) = sigm(−z) give {safe:.2f} "
        "nats."
    )


def add_comparison(page: Page, patches: Patches, rows: Sequence[Row], model: MADE) -> None:
    page.heading("Compare the models")
    floors = [f"{entropy(empirical_probs(x)):.2f}" for x in (patches.train, patches.test)]
    unseen = int(find_row(rows, "empirical frequencies").test.isinf().sum())
    page.table(
        ["p(x)", "Σ p(x)", "training", "test", "distribution?"],
        [*map(format_row, rows), ["lowest possible", "1", *floors, "–"]],
        f"Mean −log p(x) in nats per patch, for test patches ± its standard error (n = {len(patches.test)}); ± 0.00 "
        "means less than 0.005. “Lowest possible”: the entropy of the empirical distribution of the same data.",
    )
    page.paragraph(
        "Every “p” with a value below the lowest possible has a sum other than 1. No model whose sum is 1 has a "
        "value below it. The empirical frequencies of the training patches are the best possible distribution for "
        f"the training patches, and useless for other data: {unseen} of the {len(patches.test)} test patches never "
        "occurred in training and get probability 0. With more sites there are more possible patches, and soon all "
        "test patches are new. MADE has learned which pixels occur together, and it gives every patch a positive "
        "probability."
    )
    page.figure(
        to_png(plot_totals({evaluate_row.name: evaluate_row.total for evaluate_row in rows})),
        "The sum of each p(x) over all inputs. The bar of a distribution ends at the line.",
        "A bar chart on a logarithmic scale: the bars of the autoencoders reach far beyond 1, all other bars end at 1",
        "distributions-totals.png",
    )
    add_patterns(page, patches, model)


def format_row(evaluate_row: Row) -> list[str]:
    test = "∞" if bool(evaluate_row.test.isinf().any()) else format_mean(evaluate_row.test)
    return [
        evaluate_row.name,
        f"{evaluate_row.total:.2f}",
        f"{evaluate_row.train.mean():.2f}",
        test,
        "yes" if evaluate_row.is_normalized else "no",
    ]


@torch.no_grad()
def add_patterns(page: Page, patches: Patches, model: MADE) -> None:
    counted = empirical_probs(patches.train)
    most = counted.argsort(descending=True)[:NUM_PATTERNS]
    x = enumerate_inputs(patches.sites)[most]
    shares = {"training data": counted[most].tolist()}
    for name, each in (("Independent", fit_independent(patches)), ("MADE", model)):
        shares[name] = each.log_prob(x).exp().tolist()
    blind = shares["Independent"][0]
    page.figure(
        to_png(plot_patterns(x, shares, side=SIDE)),
        f"The {NUM_PATTERNS} most frequent patches and their probabilities. The first patch is "
        f"{percent(shares['training data'][0])} of the training data. Independent gives it a probability of "
        f"{percent(blind)}, MADE gives it {percent(shares['MADE'][0])}.",
        "Bars of probabilities above small patterns of pixels; the bars of MADE are about as high as those of the "
        "data, the bars of Independent are lower",
        "distributions-patterns.png",
    )


def add_leak_check(page: Page, patches: Patches, coder: Autoencoder, model: MADE) -> None:
    leaks = check_leak(coder.logits, (patches.sites,), levels=2, layout="n,d")
    clean = check_leak(output_probs(model), (patches.sites,), levels=2, layout="n,d", scale="integers")
    page.heading("Check a model with too many inputs to list")
    page.paragraph(
        f"A sum over 2^{{{MNIST}}} inputs is not possible. But one can test on which inputs each output depends: "
        "change one input, and see which outputs change. `cr.check_leak` does this. For the autoencoder it finds "
        f"{len(leaks.leaks)} forbidden pairs (output, input): every output depends on its own pixel and on all later "
        f"pixels. For MADE it finds {len(clean.leaks)}. If no output depends on its own site or on a later site, and "
        "each output is a distribution of its site, then the sum is 1 by the proof above, for any D."
    )
    page.paragraph(
        "The next step is the network: it must compute D outputs at once, and compute output d only from x_{<d}. D "
        "separate networks could do this; one network with masks is cheaper. The next lesson, `masks`, builds this "
        "network."
    )


def find_row(rows: Sequence[Row], name: str) -> Row:
    return next(evaluate_row for evaluate_row in rows if evaluate_row.name == name)
