"""The second half of the lesson on orders: families of orders, averages of models, and missing values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from chainrule.figures import completions_figure, to_png
from chainrule.formatting import with_error
from chainrule.inference.complete import complete
from chainrule.inference.evaluate import Evaluation, evaluate
from chainrule.inference.impute import impute
from chainrule.learn.formulas import state
from chainrule.learn.lessons.orders_models import Digits, Thumbnails
from chainrule.learn.missing import completions_of, drawn_around, expected, overwritten, posterior
from chainrule.learn.orders import LogProb, distance, mean_log_prob, mean_of_conditionals, total_probability
from chainrule.learn.pictures import orders as pictures
from chainrule.learn.source import source
from chainrule.models.ensemble import Ensemble
from chainrule.models.made import MADE
from chainrule.reports import Page

SEED = 4
"""Of the completions."""
MEMBERS = (1, 2, 4, 8, 16)
"""How many are averaged."""


def with_nats(found: Evaluation) -> str:
    return with_error(found.nats, found.stderr, 2)


FAMILY = """\
family = cr.MADE(domain, hidden=(100,), direct_connections=True, agnostic="order")
cr.fit(family, data, epochs=6)
member = family.member(order=any_order)     # one exact model
ensemble = cr.Ensemble(family.members(16))  # the mean of 16 probabilities"""


def all_orders(page: Page, digits: Digits) -> None:
    page.heading("One network for all orders")
    page.paragraph(
        "MADE's order is in its masks alone. So each update of training can draw another order: order-agnostic "
        "training. It can draw the hidden units' degrees anew instead, connectivity-agnostic training, or both. "
        "All share the weights, and each draw is one exact model, a member of the family:"
    )
    page.code(FAMILY, "python")
    page.paragraph(
        "With `masks=16` training goes through 16 fixed members in turn. Here each update draws a new one; trained "
        "alike, with as many updates:"
    )
    test, alone = digits.test, evaluate(digits.fixed["by rows"], digits.test)
    curves = {
        name: [(k, evaluate(Ensemble(family.members(k)), test)) for k in MEMBERS]
        for name, family in digits.families.items()
    }
    page.table(
        ["drawn anew in each update", "a single member", f"ensemble of {MEMBERS[-1]}"],
        [
            ["nothing: one mask", with_nats(alone), "–"],
            *([name, with_nats(points[0][1]), with_nats(points[-1][1])] for name, points in curves.items()),
        ],
        f"Test NLL in nats ± its standard error over {alone.n} digits.",
    )
    page.figure(
        to_png(
            pictures.members_figure(
                {name: [(k, each.nats) for k, each in points] for name, points in curves.items()},
                ("one mask", alone.nats),
            )
        ),
        "Test NLL by the number of members whose probabilities are averaged.",
        "Curves of test NLL that fall with the number of members, and a dashed line for one mask",
        "members.png",
    )
    best = min(
        [("one mask", alone.nats), *((name, points[-1][1].nats) for name, points in curves.items())], key=_second
    )
    gain = curves["order"][0][1].nats - curves["order"][-1][1].nats
    page.paragraph(
        "A single member of the family of all orders has to answer any of 64! questions with the same weights, and "
        f"pays for it. Averaging {MEMBERS[-1]} members wins back {gain:.2f} nats. The lowest number here is that of "
        f"{best[0]}, after seconds of training on an easy set. It is no law: the documentation's page on MADE has "
        "such a table for DNA, where both together win with 16 members in turn, and for sets where they lose. "
        "What a family of orders surely buys is in the last two chapters: a member that answers exactly, whatever is "
        "given."
    )


def _second(pair: tuple[str, float]) -> float:
    return pair[1]


def averages(page: Page, small: Thumbnails) -> None:
    page.heading("Average probabilities, nothing else")
    page.paragraph(
        "An ensemble of models is the mean of their probabilities, a density again because each of them is one:"
    )
    state(page, "ensemble")
    page.paragraph(
        "In logarithms that is log p(x) = logsumexp_{k} log p_{k}(x) − log K, and this is what `cr.Ensemble` "
        "computes. It is tempting to average something handier: the log-probabilities, that is the members' NLLs; "
        "or, at each site, the conditionals or their logits. On 4×3 pixels one can add up what each of them gives "
        "to all images:"
    )
    members = small.family.members(8)
    alike = [small.family.member(seed=seed) for seed in range(8)]
    with torch.no_grad():
        rows = [
            [name, f"{-way(members)(small.test).mean():.3f}", _total(way, members), _total(way, alike)]
            for name, way in WAYS.items()
        ]
    page.table(
        ["averaged over 8 members", "as if an NLL", "sum, 8 orders", "sum, one order"],
        rows,
        "Members of eight orders, and members of one order with eight connectivities. The second column is what "
        "one would report of the eight orders on test images, in nats.",
    )
    page.figure(
        to_png(
            pictures.totals_figure(
                {
                    name: [(k, total_probability(way(members[:k]), small.family.domain)) for k in (1, 2, 4, 8)]
                    for name, way in WAYS.items()
                }
            )
        ),
        "What each average sums to, over all images, for 1 to 8 members of different orders.",
        "Four lines over the number of models: one stays at 1, one falls below it, two rise above it",
        "totals.png",
    )
    by_total = {row[0]: row for row in rows}
    page.points(
        [
            "Log-probabilities: the mean of logs is never above the log of the mean (Jensen), so the sum stays "
            f"below 1 ({by_total['log-probabilities'][2]}). The mean of the members' NLLs, "
            f"{by_total['log-probabilities'][1]}, is therefore never below the ensemble's, "
            f"{by_total['probabilities'][1]}: for each image, not only in the mean.",
            f"Logits at each site: {by_total['logits of each site'][1]} looks better than the ensemble's. It is no "
            f"NLL: the sum is {by_total['logits of each site'][2]}. With several orders each of two pixels may be "
            "predicted from the other, and a model that looks at the answer scores well.",
            "With one order both averages at each site are conditionals again, and the sum is 1: what breaks them "
            "is not the logit but the mixture of orders. They are then other densities than the ensemble, and "
            "valid ones.",
        ]
    )


WAYS: Mapping[str, Callable[[Sequence[MADE]], LogProb]] = {
    "probabilities": lambda models: Ensemble(models).log_prob,
    "log-probabilities": lambda models: partial(mean_log_prob, models),
    "logits of each site": lambda models: partial(mean_of_conditionals, models, of="logits"),
    "conditionals of each site": lambda models: partial(mean_of_conditionals, models, of="probabilities"),
}
"""What may be averaged, by its name; the first alone is always a density."""


def _total(way: Callable[[Sequence[MADE]], LogProb], models: Sequence[MADE]) -> str:
    return f"{total_probability(way(models), models[0].domain):.4f}"


REGIONS = {
    "top half": (slice(0, 2), slice(None)),
    "left column": (slice(None), slice(0, 1)),
    "bottom half": (slice(2, 4), slice(None)),
}
"""What is given of the 4×3 pixels."""
ASKED = 16
"""Test images that are asked for each."""


def region(name: str) -> Tensor:
    """Which pixels are given: bool [1, 4, 3]."""
    evidence = torch.zeros(1, 4, 3, dtype=torch.bool)
    evidence[(0, *REGIONS[name])] = True
    return evidence


def missing(page: Page, small: Thumbnails) -> None:
    page.heading("Missing values")
    page.paragraph(
        "Some pixels of an image are given, in any places; what are the others? That is p(missing | given), which "
        "Bayes' rule names at once, p(x) over the sum of p of all images that agree with what is given. On 4×3 "
        "pixels that sum can be done. Beside it stand two mistakes: to draw a whole image and write the given "
        "pixels over it; and to go through the pixels in the model's order, keep what is given and draw the rest. "
        "The second looks right. It is, only where the given pixels come first: otherwise a pixel is drawn without "
        "regard to what is given further on."
    )
    page.code(source(drawn_around), "python")
    page.paragraph("By how much each of them is wrong, a sum over all completions says:")
    page.table(
        ["given", "written over", "drawn by rows", "given first"],
        [[name, *(f"{each:.3f}" for each in _distances(small, region(name)))] for name in REGIONS],
        f"Total variation distance from p(missing | given), the mean of {ASKED} test images: by so much the "
        "probability of some event is wrong. Last the same walk by a member of the family, whose order begins with "
        "what is given. Each is held to p(missing | given) of the model that it asks.",
    )
    page.paragraph(
        "Nothing is wrong with the walk, only with its order. Where the bottom is given both mistakes are the "
        "same: nothing that is drawn has seen any of it. A family of orders has a member for each question; "
        "`family.given(evidence)` finds it, and `cr.complete` and `cr.impute` ask for it by themselves."
    )
    _worst(page, small)


def _distances(small: Thumbnails, evidence: Tensor) -> list[float]:
    """How far each way to fill in is from p(missing | given) of the model that it asks, in the mean of some images."""
    member = small.family.given(evidence.flatten())
    assert isinstance(member, MADE), "a family of all orders has a member for any evidence"
    ways = ((overwritten, small.model), (drawn_around, small.model), (drawn_around, member))
    return [
        sum(distance(way(model, x, evidence), posterior(model, x, evidence)) for x in small.test[:ASKED]) / ASKED
        for way, model in ways
    ]


def _worst(page: Page, small: Thumbnails) -> None:
    """The image for which drawing by rows is most wrong, and what particles make of it."""
    evidence, model = region("bottom half"), small.model
    off = [distance(drawn_around(model, x, evidence), posterior(model, x, evidence)) for x in small.test[:ASKED]]
    x = small.test[off.index(max(off))]
    every = completions_of(model.domain, x, evidence)
    found = impute(model, x[None], evidence, n=1024, particles=1024)
    maps = {
        "exact": expected(every, posterior(model, x, evidence)),
        "drawn by rows": expected(every, drawn_around(model, x, evidence)),
        "particles": expected(found.values[0], found.weights[0]),
    }
    apart = (maps["drawn by rows"] - maps["exact"]).abs().max()
    close = (maps["particles"] - maps["exact"]).abs().max()
    page.figure(
        to_png(pictures.missing_figure(x, evidence, maps)),
        "The image of these for which drawing by rows is most wrong: what is given, and p(x_{i} = 1 | given) of "
        "the other pixels, by enumeration, as drawn by rows, and by weighted particles. All three ask the same "
        "model.",
        "A tiny image whose lower half is given, and three maps of probabilities for its upper half",
        "missing.png",
    )
    page.paragraph(
        f"Drawn by rows, one pixel's probability is off by {apart:.2f}. A model of one order has a way out too: "
        "`cr.impute` weighs many such walks by how well they foresaw what is given. With 1,024 particles no pixel "
        f"is off by more than {close:.2f}."
    )


CHOSEN = [8, 4]
"""The test digits that are completed."""


def halves() -> list[Tensor]:
    """The top, the left, and pixels drawn by lot, each with probability a half: bool [1, 8, 8]."""
    top, left = (torch.zeros(1, 8, 8, dtype=torch.bool) for _ in range(2))
    top[:, :4], left[..., :4] = True, True
    return [top, left, torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(SEED)) < 0.5]


def completions(page: Page, digits: Digits) -> None:
    page.heading("Completions of digits")
    family = digits.longer
    originals = digits.test[CHOSEN].repeat(3, 1, 1, 1)
    evidence = torch.stack(halves()).repeat_interleave(len(CHOSEN), 0)
    drawn = complete(family, originals, evidence, n=7, seed=SEED, members=MEMBERS[-1])
    page.paragraph(
        "A wider MADE for all orders, trained for longer, on test digits that it never saw. Given are the top, the "
        "left, or pixels drawn by lot, about half of them; for each the order is another one, and the weights are "
        f"the same. Each completion comes from one of {MEMBERS[-1]} members, member k with probability p(k | given)."
    )
    page.figure(
        to_png(completions_figure(originals, evidence, drawn, digits.domain)),
        "Each row: the original, what is given (blue is not), and seven draws from p(missing | given). Where they "
        "agree what is given leaves no choice; where they differ it does.",
        "Six rows of digits with half of their pixels given, and seven completions of each",
        "completions.png",
    )
    page.points(
        [
            "Training is parallel: one pass for all conditionals. Sampling is sequential: D steps, or fewer where "
            "sites do not depend on each other; its arithmetic need not be more than that of one pass.",
            "Every order is a valid model. A family of all orders answers any question; here that costs likelihood.",
            "Average probabilities. Ask what a formula sums to before you call it an NLL.",
            "Never draw around what is given: put it first.",
        ]
    )
    page.paragraph(
        "All of these models give each site a probability for each of its values. What an output should be where "
        "the values are 256 levels of grey, a softmax or a number on a line, is the next question."
    )
