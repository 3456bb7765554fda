"""The lesson on outputs that are no distribution: what is wrong with an autoencoder's likelihood, and what mends it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from chainrule.checks import check_leak
from chainrule.figures import to_png
from chainrule.formatting import percent
from chainrule.learn.autoencoder import Autoencoder
from chainrule.learn.distribution import (
    cross_entropy,
    entropy,
    every_input,
    frequencies,
    read_as_probabilities,
    reconstruction_table,
    total,
)
from chainrule.learn.formulas import state
from chainrule.learn.lessons.measured import mean_of
from chainrule.learn.lessons.patches import (
    FEWER,
    FLIPPED,
    LEFT,
    NARROW,
    SIDE,
    TOP,
    WIDE,
    Patches,
    Row,
    autoencoder,
    autoencoders_of,
    independent,
    load,
    made,
    read_as_log_prob,
    rows_of,
)
from chainrule.learn.pictures.distributions import patterns_figure, tables_figure, totals_figure
from chainrule.learn.source import source
from chainrule.models import MADE
from chainrule.models.base import AutoregressiveModel
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell

Coders = Mapping[str, Autoencoder]
Network = Callable[[Tensor], Tensor]
"""From data [n, D] to outputs [n, D]."""

MNIST = 784
"""Pixels of the images that MADE was first used on."""
MIDDLE = SIDE * SIDE // 2
"""The pixel in the middle of a patch, and with those beside it, its middle row."""
PATTERNS = 10
"""How many of the most frequent patches are drawn."""


def write(page: Page, tell: Tell) -> None:
    patches = load()
    coders = autoencoders_of(patches)
    tell(0.4)
    model = made(patches)
    rows = rows_of(patches, coders, model, tell)
    show_attempt(page, patches, next(iter(coders.values())))
    show_total(page, patches, coders)
    show_own_value(page, patches, coders, model)
    show_tables(page, patches)
    tell(0.8)
    show_division(page, patches, rows)
    explain_independence(page, patches, rows)
    derive(page, patches, model)
    compare(page, patches, rows, model)
    end(page, patches, next(iter(coders.values())), model)
    tell(1.0)


def show_attempt(page: Page, patches: Patches, coder: Autoencoder) -> None:
    x, sites = patches.test, patches.sites
    page.paragraph(
        "An autoencoder's outputs lie between 0 and 1, and its loss is a sum of logarithms. It is tempting to read "
        "each output as the probability that its pixel is 1, their product as p(x), and the loss as −log p(x). This "
        "lesson takes the attempt seriously, counts, and finds what is wrong with it. The repair is the idea of all "
        "models of this library."
    )
    page.heading("The first attempt")
    page.paragraph(
        f"To count, all inputs must be listed. So a datum here is a patch of {SIDE}×{SIDE} pixels from the middle of a "
        f"handwritten digit (rows {TOP} to {TOP + SIDE - 1}, columns {LEFT} to {LEFT + SIDE - 1} of 8×8): D = {sites} "
        f"sites, 2^{{{sites}}} = {2**sites} possible patches. One patch of each digit: {len(patches.train):,} to "
        f"train, {len(x)} to test. The autoencoder of the last lesson, with {WIDE} hidden units, is trained on them. "
        "Then its outputs are read as probabilities:"
    )
    page.code(source(read_as_probabilities), "python")
    page.paragraph(
        "(`check_outputs` refuses an x of other values than 0 and 1, and outputs that are no probabilities.)"
    )
    attempt, floor = -read_as_log_prob(coder)(x), entropy(frequencies(x))
    page.paragraph(
        f"The mean −log “p(x)” of the test patches is {mean_of(attempt, 3)} nats. That is better than possible. "
        "Whatever distribution q is chosen, the mean of −log q(x) over some data is at least the entropy of the "
        "data's own frequencies (Gibbs' inequality), and only these frequencies themselves reach it: for the "
        f"{len(x)} test patches {floor:.2f} nats. What is below is the mean −log of no distribution."
    )


def show_total(page: Page, patches: Patches, coders: Coders) -> None:
    totals = {name: total(read_as_log_prob(each), patches.sites) for name, each in coders.items()}
    first, narrow, noise = totals.values()
    page.heading("The sum over all inputs")
    page.paragraph(f"A distribution sums to 1. Here all 2^{{{patches.sites}}} terms can be added up:")
    page.code(source(total), "python")
    page.paragraph(
        "(`one_each` refuses a function that does not give one number for each input.) "
        f"For this autoencoder Σ_{{x}} “p(x)” is {first:.1f}, of {2**patches.sites} terms that are at most 1 each. It "
        "gives almost every input almost all of the probability, since each term says how well that input is copied: "
        "the sum counts how many inputs come back. A constraint makes the sum smaller, and not 1: with "
        f"{NARROW} hidden units it is {narrow:.1f}, after training with {100 * FLIPPED:.0f} % of the pixels flipped "
        f"{noise:.1f}. Nothing in either training asks for 1."
    )


def show_own_value(page: Page, patches: Patches, coders: Coders, model: MADE) -> None:
    sites = patches.sites
    page.heading("Where it goes wrong: one site")
    single = patches.part([MIDDLE])
    alone = autoencoder(single, updates=FEWER)
    no, yes = alone(every_input(1)).flatten().tolist()
    page.paragraph(
        "The smallest case is D = 1. An autoencoder of the middle pixel alone is asked about x = 1 and gives x̂ = "
        f"{yes:.3f}. Asked about x = 0, it gives x̂ = {no:.3f}, so 1 − x̂ = {1 - no:.3f}. The probabilities of the two "
        f"values sum to {total(read_as_log_prob(alone), 1):.3f}, because the number changed with the question: it had "
        "seen the answer. A copier gets 2 for each site, and 2^{D} in all."
    )
    page.paragraph(f"The same for the last pixel of a test patch, its other {sites - 1} pixels as they are:")
    networks = {
        **{name: each.forward for name, each in coders.items()},
        "Independent": outputs_of(independent(patches)),
    }
    networks["MADE"] = outputs_of(model)
    page.table(
        ["network", f"x̂_{{{sites}}} if x_{{{sites}}} = 0", f"x̂_{{{sites}}} if x_{{{sites}}} = 1", "p(0) + p(1)"],
        [[name, *own_value(each, patches.test[0])] for name, each in networks.items()],
        "p(0) is 1 − x̂ where the pixel was 0, and p(1) is x̂ where it was 1. The two belong to one distribution only "
        "if x̂ is the same in both columns: if the output does not see its own pixel.",
    )


def outputs_of(model: AutoregressiveModel) -> Network:
    """x̂ of data: p(x_d = 1 | x_<d)."""
    return lambda x: model.conditionals(x).logits.double().sigmoid()


@torch.no_grad()
def own_value(network: Network, x: Tensor) -> list[str]:
    """What the last output is with its own site 0, and 1; and what the two values' probabilities sum to."""
    both = x.repeat(2, 1)
    both[:, -1] = torch.tensor([0, 1])
    no, yes = network(both)[:, -1].tolist()
    return [f"{no:.4f}", f"{yes:.4f}", f"{1 - no + yes:.4f}"]


def show_tables(page: Page, patches: Patches) -> None:
    row = patches.part([MIDDLE - 1, MIDDLE, MIDDLE + 1])
    coder, model = autoencoder(row, updates=FEWER), made(row, updates=FEWER)
    tables = {
        "autoencoder": reconstruction_table(coder.logits, row.sites),
        "MADE": reconstruction_table(lambda x: model.conditionals(x).logits, row.sites),
    }
    page.heading("Where it goes wrong: the diagonal")
    page.paragraph(
        "Nothing is wrong with the outputs for one input x. They are a distribution q(y | x) of another vector y, with "
        "independent sites, and Σ_{y} q(y | x) = 1 for every x. It answers: what was x, before it was corrupted or "
        "squeezed? The attempt sets y = x. It takes q(x | x) from the distribution of x, the next number from that of "
        f"the next x, and calls them p. With {row.sites} pixels (the middle row of the patch) the whole table can be "
        "drawn:"
    )
    page.figure(
        to_png(tables_figure(tables, ["".join(map(str, each)) for each in every_input(row.sites).tolist()])),
        "q(y | x) for all inputs x and outputs y. Each row sums to 1, as it must. “p(x)” is the framed diagonal: one "
        f"number out of each row. That of an autoencoder sums to {tables['autoencoder'].trace():.2f}. That of MADE, "
        "whose outputs see only the pixels before their own, sums to 1.",
        "Two tables of 8 by 8 probabilities; the autoencoder's has its mass on the diagonal, MADE's is spread",
        "distributions-tables.png",
    )


def show_division(page: Page, patches: Patches, rows: Sequence[Row]) -> None:
    coder, divided, coins = (found(rows, name) for name in (rows[0].name, "autoencoder / its sum", "fair coins"))
    page.heading("Dividing by the sum")
    page.paragraph(
        f"What sums to {coder.total:.1f} sums to 1 once it is divided by {coder.total:.1f}. For D = {patches.sites} "
        f"that can be done, and log {coder.total:.1f} = {math.log(coder.total):.2f} nats come on top of every error: "
        f"{mean_of(divided.test, 3)} nats for test patches. Fair coins, which know nothing at all, cost D ln 2 = "
        f"{coins.test.mean():.3f}. The copier had learned to copy, and now that this is worth nothing, next to nothing "
        "is left. One would have to train on the divided number. But the sum changes with every update, and for "
        f"the {MNIST} pixels of MNIST it has 2^{{{MNIST}}} ≈ 10^{{{round(MNIST * math.log10(2))}}} terms. The way out "
        "is a network whose sum is 1 whatever its weights."
    )


def explain_independence(page: Page, patches: Patches, rows: Sequence[Row]) -> None:
    x, alone, counted = patches.train.double(), found(rows, "Independent"), found(rows, "frequencies counted")
    page.heading("Independent of what?")
    page.paragraph(
        "The attempt is often faulted for its “i.i.d. assumption”: independent, identically distributed. Two things "
        "go under that name, and only one of them is a fault."
    )
    one, other = strongest_pair(x)
    share, joint = x.mean(0), (x[:, one] * x[:, other]).mean().item()
    page.points([
        "Data: the patches of different digits are taken as independent draws from one distribution. Every model here "
        "assumes that. It is why −log p of a data set is a sum over its data, and why ± is the standard deviation / "
        "√n. It is reasonable for these patches, one from each image; two from one image would tell of each other.",
        "Sites: the pixels within a patch. A product of D separate numbers takes these as independent. They are not: "
        f"pixels {one + 1} and {other + 1} are both 1 in {percent(joint)} of the training patches, where the product "
        f"of their shares says {percent((share[one] * share[other]).item())}. Nor are they identically distributed: "
        f"pixels are 1 in {percent(share.min().item())} to {percent(share.max().item())} of the patches.",
    ])  # fmt: skip
    price = alone.train.mean() - counted.train.mean()
    page.paragraph(
        "A model that does take sites as independent is `cr.Independent`. It is a distribution: its sum is "
        f"{alone.total:.4f}. It is blind to what pixels tell of each other, and pays: {mean_of(alone.test)} nats. "
        f"On the training patches it pays exactly Σ_{{d}} H(x_{{d}}) − H(x) = {price:.2f} nats more than the best "
        "possible. The autoencoder errs to the other side. Its outputs are anything but blind: each has seen every "
        "pixel, its own among them. No output may see too much, and a good one should not see too little."
    )


def strongest_pair(x: Tensor) -> tuple[int, int]:
    """The two sites whose being 1 together differs most from what independence says."""
    differs = (x.T @ x / len(x) - torch.outer(x.mean(0), x.mean(0))).abs()
    return divmod(int(differs.triu(1).argmax()), x.shape[1])


def derive(page: Page, patches: Patches, model: MADE) -> None:
    page.heading("What an output may see")
    page.paragraph(
        "The product rule says how much: the factor of x_{d} may see x_{<d}, the sites before it, and nothing else. So "
        "let output d see x_{<d} alone, and read it as before:"
    )
    state(page, "product-rule", "output-probability")
    page.paragraph(
        "The loss stays the cross-entropy of an autoencoder. Put the reading into it, and note that of the two terms "
        "of each site one is zero, as x_{d} is 1 or 0:"
    )
    state(page, "likelihood-of-ones", "likelihood")
    page.paragraph(
        "That the sum over all inputs is 1 now needs no luck. Sum over the last site first: both of its values meet "
        "the same x̂_{D}, as it has not seen x_{D}, and x̂_{D} + (1 − x̂_{D}) = 1. Then over the last but one, and so "
        "on. Here is the loss of one test patch under a trained `cr.MADE`, site by site:"
    )
    tell_sites(page, patches.test[:1], model)
    page.paragraph(
        "Nothing else is needed to train it, and nothing was changed but what each output sees. One slip is possible "
        "in the arithmetic: " + of_rounding()
    )


@torch.no_grad()
def tell_sites(page: Page, x: Tensor, model: MADE) -> None:
    """The likelihood of one datum [1, D], three ways."""
    x_hat = outputs_of(model)(x)
    p = read_as_probabilities(x, x_hat)
    rows = [
        [str(site), str(value), f"{output:.4f}", f"{share:.4f}", f"{-math.log(share):.4f}"]
        for site, (value, output, share) in enumerate(
            zip(*(each[0].tolist() for each in (x, x_hat, p)), strict=True), 1
        )
    ]
    page.table(["d", "x_{d}", "x̂_{d}", "p(x_{d} | x_{<d})", "−log p"], rows)
    every = every_input(x.shape[1])
    ways = three_ways(every, model)
    page.paragraph(
        f"The last column sums to {-p.log().sum():.4f}. The cross-entropy formula gives "
        f"{cross_entropy(x, x_hat).item():.4f}, and −`model.log_prob(x)` is {-model.log_prob(x).item():.4f}. On all "
        f"{len(every)} inputs the three differ by at most {spread(ways):.0e} nats, which is rounding."
    )


@torch.no_grad()
def three_ways(x: Tensor, model: AutoregressiveModel) -> Tensor:
    """−log p(x) as cross-entropy, as the sum of −log p(x_d | x_<d), and as the model says it: float64 [3, n]."""
    x_hat = outputs_of(model)(x)
    by_site = -read_as_probabilities(x, x_hat).log()
    return torch.stack([cross_entropy(x, x_hat), by_site.sum(1), -model.log_prob(x).double()])


def spread(ways: Tensor) -> float:
    """How far the rows lie apart at most."""
    return (ways.amax(0) - ways.amin(0)).max().item()


def of_rounding() -> str:
    """Why the cross-entropy is computed from logits."""
    z, x = torch.tensor([[20.0]]), torch.zeros(1, 1)
    rounded, safe = cross_entropy(x, z.sigmoid()).item(), cross_entropy(x, z, logits=True).item()
    return (
        f"in float32 sigm(20) is rounded to {z.sigmoid().item():.0f}, and the loss of a pixel that is 0 becomes "
        f"{'infinite' if math.isinf(rounded) else rounded}. So it is computed from the number before sigm: −log "
        f"sigm(z) = log(1 + e^{{−z}}) and 1 − sigm(z) = sigm(−z) give {safe:.2f} nats."
    )


def compare(page: Page, patches: Patches, rows: Sequence[Row], model: MADE) -> None:
    page.heading("Who is a distribution, and who is a good one")
    floors = [f"{entropy(frequencies(x)):.2f}" for x in (patches.train, patches.test)]
    unseen = int(found(rows, "frequencies counted").test.isinf().sum())
    page.table(
        ["p(x)", "Σ p(x)", "training", "test", "likelihood?"],
        [*map(told, rows), ["lowest possible", "1", *floors, "–"]],
        f"Mean −log p(x) in nats per patch, for test patches ± its standard error (n = {len(patches.test)}); ± 0.00 "
        "is less than 0.005. “Lowest possible”: the entropy of the frequencies of those very data.",
    )
    page.paragraph(
        "All that lie below the lowest possible do not sum to 1; of those that do, none lies below. Counting the "
        f"training patches is the best there is for these, and useless for others: {unseen} of the {len(patches.test)} "
        "test patches never occurred, and get probability 0. With more sites there are more patches and "
        "soon all are new. MADE has learned which pixels go together, and gives every patch something."
    )
    page.figure(
        to_png(totals_figure({row.name: row.total for row in rows})),
        "What each p(x) sums to over all inputs. A distribution stands on the line.",
        "A bar chart on a logarithmic scale: the autoencoders reach far beyond 1, all others stand at it",
        "distributions-totals.png",
    )
    show_patterns(page, patches, model)


def told(row: Row) -> list[str]:
    test = "∞" if bool(row.test.isinf().any()) else mean_of(row.test)
    return [row.name, f"{row.total:.2f}", f"{row.train.mean():.2f}", test, "yes" if row.proper else "no"]


@torch.no_grad()
def show_patterns(page: Page, patches: Patches, model: MADE) -> None:
    counted = frequencies(patches.train)
    most = counted.argsort(descending=True)[:PATTERNS]
    x = every_input(patches.sites)[most]
    shares = {"training data": counted[most].tolist()}
    for name, each in (("Independent", independent(patches)), ("MADE", model)):
        shares[name] = each.log_prob(x).exp().tolist()
    blind = shares["Independent"][0]
    page.figure(
        to_png(patterns_figure(x, SIDE, shares)),
        f"The {PATTERNS} most frequent patches. The first is {percent(shares['training data'][0])} of the training "
        f"data; Independent gives it {percent(blind)}, MADE {percent(shares['MADE'][0])}.",
        "Bars of probabilities above small patterns of pixels; MADE's are about as high as the data's, Independent's "
        "are lower",
        "distributions-patterns.png",
    )


def end(page: Page, patches: Patches, coder: Autoencoder, model: MADE) -> None:
    leaks = check_leak(coder.logits, (patches.sites,), 2, layout="n,d")
    clean = check_leak(outputs_of(model), (patches.sites,), 2, layout="n,d", scale="integers")
    page.heading("When the inputs cannot be listed")
    page.paragraph(
        f"2^{{{MNIST}}} inputs cannot be summed over. But what each output sees can be asked: change one input, look "
        f"which outputs change. `cr.check_leak` does that. Of the autoencoder it finds {len(leaks.leaks)} pairs "
        "(output, input) that must not be: every output with its own pixel and all later ones. Of MADE it finds "
        f"{len(clean.leaks)}. If no output sees its own site or a later one, and each gives a distribution of its "
        "site, the sum is 1 by the argument above, for any D."
    )
    page.paragraph(
        "What is missing is the network: one that computes D outputs at once, and output d from x_{<d} alone. D "
        "separate networks would do; one with masks is cheaper. The next lesson, `masks`, builds it."
    )


def found(rows: Sequence[Row], name: str) -> Row:
    return next(row for row in rows if row.name == name)
