"""The second half of the lesson on orders: families of orders, averages of models, and missing values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from chainrule.figures import completions_figure, to_png
from chainrule.formatting import with_error
from chainrule.inference import Evaluation, complete, evaluate, impute
from chainrule.learn.figures import order_figures as figures
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.orders_models import Digits, Thumbnails
from chainrule.learn.missing_values import (
    clamped_sampling_probs,
    enumerate_completions,
    expected_values,
    overwritten_sampling_probs,
    posterior_probs,
)
from chainrule.learn.model_averages import (
    LogProb,
    average_conditionals,
    average_log_probs,
    sum_over_domain,
    total_variation,
)
from chainrule.learn.source_code import read_source
from chainrule.models.ensemble import Ensemble
from chainrule.models.made import MADE
from chainrule.reports import Page

SEED = 4
"""The seed of the completions."""
MEMBERS = (1, 2, 4, 8, 16)
"""The numbers of averaged members."""


def format_nll(found: Evaluation) -> str:
    return with_error(found.nats, found.stderr, 2)


FAMILY = """\
family = cr.MADE(domain, hidden=(100,), direct_connections=True, agnostic="order")
cr.fit(family, data, epochs=6)
member = family.member(order=any_order)     # one exact model
ensemble = cr.Ensemble(family.members(16))  # the mean of 16 probabilities"""


def add_families(page: Page, digits: Digits) -> None:
    page.heading("One network for all orders")
    page.paragraph(
        "Only the masks of MADE depend on the order. So each training update can use another random order: "
        "order-agnostic training. It can also use other random degrees of the hidden units: connectivity-agnostic "
        "training. Or it can do both. All these models share their weights. Each combination of order and degrees is "
        "one exact model, a member of the family:"
    )
    page.code(FAMILY, "python")
    page.paragraph(
        "With `masks=16` training cycles through 16 fixed members. Here each update draws a new member. All models "
        "are trained in the same way, with the same number of updates:"
    )
    test, alone = digits.test, evaluate(digits.fixed["by rows"], digits.test)
    curves = {
        name: [(k, evaluate(Ensemble(family.members(k)), test)) for k in MEMBERS]
        for name, family in digits.families.items()
    }
    page.table(
        ["random in each update", "one member", f"ensemble of {MEMBERS[-1]}"],
        [
            ["nothing: one mask", format_nll(alone), "–"],
            *([name, format_nll(points[0][1]), format_nll(points[-1][1])] for name, points in curves.items()),
        ],
        f"Test NLL in nats ± its standard error over {alone.n} digits.",
    )
    page.figure(
        to_png(
            figures.plot_ensemble_sizes(
                {name: [(k, each.nats) for k, each in points] for name, points in curves.items()},
                single=("one mask", alone.nats),
            )
        ),
        "Test NLL of an ensemble against the number of its members.",
        "Curves of test NLL that fall with the number of members, and a dashed line for one mask",
        "members.png",
    )
    best = min(
        [("one mask", alone.nats), *((name, points[-1][1].nats) for name, points in curves.items())], key=_second
    )
    gain = curves["order"][0][1].nats - curves["order"][-1][1].nats
    page.paragraph(
        "The family of all orders has 64! orders, and one set of weights must fit all of them, so a single member "
        f"has a higher NLL. The average of {MEMBERS[-1]} members is {gain:.2f} nats better than one member. The "
        f"lowest NLL here is the NLL of {best[0]}, after seconds of training on an easy data set. This is not a "
        "general rule: the documentation's page on MADE has such a table for DNA, where random orders and degrees "
        "together are best with 16 fixed members, and for data sets where they are worse. The certain advantage of "
        "a family of orders is shown in the last two chapters: for any observed sites it has a member that samples "
        "the other sites exactly."
    )


def _second(pair: tuple[str, float]) -> float:
    return pair[1]


def add_averages(page: Page, small: Thumbnails) -> None:
    page.heading("Average only probabilities")
    page.paragraph(
        "The density of an ensemble is the mean of the probabilities of its models. It is a density, because the "
        "density of each model is one:"
    )
    add_formulas(page, "ensemble")
    page.paragraph(
        "Its logarithm is log p(x) = logsumexp_{k} log p_{k}(x) − log K, and `cr.Ensemble` computes this formula. "
        "There are other averages that are easier to compute: the mean of the log-probabilities, which is the mean "
        "of the members' NLLs; or, at each site, the mean of the conditional probabilities or of their logits. For "
        "4×3 pixels the sum of each average over all images can be computed:"
    )
    members = small.family.members(8)
    alike = [small.family.member(seed=seed) for seed in range(8)]
    with torch.no_grad():
        rows = [
            [name, f"{-way(members)(small.test).mean():.3f}", _format_total(way, members), _format_total(way, alike)]
            for name, way in AVERAGES.items()
        ]
    page.table(
        ["average of 8 members", "“NLL”, 8 orders", "sum, 8 orders", "sum, 1 order"],
        rows,
        "Members with eight orders, and members with one order and eight connectivities. The second column is the "
        "mean −log of the average on test images, in nats, with eight orders.",
    )
    page.figure(
        to_png(
            figures.plot_totals(
                {
                    name: [(k, sum_over_domain(way(members[:k]), small.family.domain)) for k in (1, 2, 4, 8)]
                    for name, way in AVERAGES.items()
                }
            )
        ),
        "The sum of each average over all images, for 1 to 8 members with different orders.",
        "Four lines over the number of models: one stays at 1, one falls below it, two rise above it",
        "totals.png",
    )
    by_total = {row[0]: row for row in rows}
    page.points(
        [
            "Log-probabilities: the mean of the logarithms is never above the logarithm of the mean (Jensen's "
            f"inequality), so the sum is below 1 ({by_total['log-probabilities'][2]}). So the mean of the members' "
            f"NLLs, {by_total['log-probabilities'][1]}, is never below the NLL of the ensemble, "
            f"{by_total['probabilities'][1]}. This holds for each image, not only on average.",
            f"Logits at each site: {by_total['logits of each site'][1]} looks better than the ensemble. But it is "
            f"not an NLL: the sum is {by_total['logits of each site'][2]}. With several orders, each of two pixels "
            "may be predicted from the other pixel, and a model that sees the value it predicts gets a good score.",
            "With one order, both averages at each site are conditional distributions, and the sum is 1. So the "
            "mixture of orders is the mistake, not the average of logits. With one order they are valid densities, "
            "but not the density of the ensemble.",
        ]
    )


AVERAGES: Mapping[str, Callable[[Sequence[MADE]], LogProb]] = {
    "probabilities": lambda models: Ensemble(models).log_prob,
    "log-probabilities": lambda models: partial(average_log_probs, models),
    "logits of each site": lambda models: partial(average_conditionals, models, averaged="logits"),
    "conditionals of each site": lambda models: partial(average_conditionals, models, averaged="probabilities"),
}
"""The four averages by name; only the first one is always a density."""


def _format_total(way: Callable[[Sequence[MADE]], LogProb], models: Sequence[MADE]) -> str:
    return f"{sum_over_domain(way(models), models[0].domain):.4f}"


REGIONS = {
    "top half": (slice(0, 2), slice(None)),
    "left column": (slice(None), slice(0, 1)),
    "bottom half": (slice(2, 4), slice(None)),
}
"""The observed regions of the 4×3 pixels."""
NUM_TESTED = 16
"""The number of test images for each region."""


def make_evidence(name: str) -> Tensor:
    """Return the mask of the observed pixels, bool [1, 4, 3]."""
    evidence = torch.zeros(1, 4, 3, dtype=torch.bool)
    evidence[(0, *REGIONS[name])] = True
    return evidence


def add_missing_values(page: Page, small: Thumbnails) -> None:
    page.heading("Missing values")
    page.paragraph(
        "Some pixels of an image are observed, at any positions. What are the other pixels? The answer is the "
        "distribution p(missing | observed). By Bayes' rule it is p(x) divided by the sum of p over all images that "
        "agree with the observed pixels. For 4×3 pixels this sum can be computed. The table compares it with two "
        "mistakes. The first mistake: sample a whole image, and write the observed pixels over it. The second "
        "mistake: go through the pixels in the order of the model, copy the observed pixels, and sample the others. "
        "The second method looks correct. It is correct only if the observed pixels come first in the order; "
        "otherwise a pixel is sampled without regard to observed pixels that come later."
    )
    page.code(read_source(clamped_sampling_probs), "python")
    page.paragraph("A sum over all completions gives the error of each method:")
    page.table(
        ["observed", "written over", "sampled by rows", "observed first"],
        [[name, *(f"{each:.3f}" for each in _distances(small, make_evidence(name)))] for name in REGIONS],
        f"The total variation distance to p(missing | observed), the mean of {NUM_TESTED} test images. This distance "
        "is the largest error of the probability of any event. Last column: the second method with a member of the "
        "family whose order begins with the observed pixels. Each method is compared with p(missing | observed) of "
        "the model that it uses.",
    )
    page.paragraph(
        "So the second method is correct, and only its order is wrong. If the bottom half is observed, both mistakes "
        "give the same result, because no sampled pixel depends on an observed pixel. A family of orders has a "
        "member for each set of observed pixels. `family.condition(evidence)` returns this member, and `cr.complete` "
        "and `cr.impute` call it automatically."
    )
    _add_worst_image(page, small)


def _distances(small: Thumbnails, evidence: Tensor) -> list[float]:
    """Return the mean total variation distance of each method to p(missing | observed) of its model."""
    member = small.family.member(small.family.order.with_first(evidence.flatten()))
    ways = (
        (overwritten_sampling_probs, small.model),
        (clamped_sampling_probs, small.model),
        (clamped_sampling_probs, member),
    )
    return [
        sum(
            total_variation(way(model, x, evidence), posterior_probs(model, x, evidence))
            for x in small.test[:NUM_TESTED]
        )
        / NUM_TESTED
        for way, model in ways
    ]


def _add_worst_image(page: Page, small: Thumbnails) -> None:
    """Add the image with the largest error of sampling by rows, and its completion by particles."""
    evidence, model = make_evidence("bottom half"), small.model
    off = [
        total_variation(clamped_sampling_probs(model, x, evidence), posterior_probs(model, x, evidence))
        for x in small.test[:NUM_TESTED]
    ]
    x = small.test[off.index(max(off))]
    every = enumerate_completions(model.domain, x, evidence)
    found = impute(model, x[None], evidence, n=1024, particles=1024)
    maps = {
        "exact": expected_values(every, posterior_probs(model, x, evidence)),
        "sampled by rows": expected_values(every, clamped_sampling_probs(model, x, evidence)),
        "particles": expected_values(found.values[0], found.weights[0]),
    }
    apart = (maps["sampled by rows"] - maps["exact"]).abs().max()
    close = (maps["particles"] - maps["exact"]).abs().max()
    page.figure(
        to_png(figures.plot_missing(x, evidence, maps)),
        "The test image with the largest error of sampling by rows. From left to right: the observed pixels, and "
        "p(x_{i} = 1 | observed) of the other pixels, computed by enumeration, by sampling by rows, and by weighted "
        "particles. All three use the same model.",
        "A tiny image whose lower half is observed, and three maps of probabilities for its upper half",
        "missing.png",
    )
    page.paragraph(
        f"When sampled by rows, the probability of one pixel has an error of {apart:.2f}. There is also a correct "
        "method for a model with one order: `cr.impute` samples many completions in this order (particles), and "
        "weights each one by the probability that it gave to the observed pixels. With 1,024 particles the error of "
        f"every pixel is at most {close:.2f}."
    )


COMPLETED = [8, 4]
"""The indices of the completed test digits."""


def make_evidence_masks() -> list[Tensor]:
    """Return masks of the top half, the left half, and random pixels with probability ½: bool [1, 8, 8]."""
    top, left = (torch.zeros(1, 8, 8, dtype=torch.bool) for _ in range(2))
    top[:, :4], left[..., :4] = True, True
    return [top, left, torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(SEED)) < 0.5]


def add_completions(page: Page, digits: Digits) -> None:
    page.heading("Completions of digits")
    family = digits.large_family
    originals = digits.test[COMPLETED].repeat(3, 1, 1, 1)
    evidence = torch.stack(make_evidence_masks()).repeat_interleave(len(COMPLETED), 0)
    drawn = complete(family, originals, evidence, n=7, seed=SEED, members=MEMBERS[-1])
    page.paragraph(
        "A wider MADE for all orders, trained for longer, completes test digits. The observed pixels are the top "
        "half, the left half, or a random set of about half of the pixels. The order differs for each of these "
        f"sets, and the weights are the same. Each completion comes from one of {MEMBERS[-1]} members, from member k "
        "with probability p(k | observed)."
    )
    page.figure(
        to_png(completions_figure(originals, evidence, drawn, digits.domain)),
        "Each row: the original, the observed pixels (blue pixels are missing), and seven samples of p(missing | "
        "observed). Where the samples agree, the observed pixels determine the others; where they differ, several "
        "completions are plausible.",
        "Six rows of digits with half of their pixels observed, and seven completions of each",
        "completions.png",
    )
    page.points(
        [
            "Training is parallel: one pass computes all conditional distributions. Sampling is sequential: D steps, "
            "or fewer if some sites do not depend on each other. Its arithmetic need not exceed the arithmetic of "
            "one pass.",
            "Every order is a valid model. A family of all orders can complete any set of observed pixels; in this "
            "lesson this costs some likelihood.",
            "Average probabilities. Compute the sum of a formula over all images before you call its −log an NLL.",
            "To complete an image, put the observed pixels first in the order.",
        ]
    )
    page.paragraph(
        "All of these models give each value of a site its own probability. If the values are 256 levels of grey, "
        "should the output be a softmax or a continuous density? The next lesson answers this question."
    )
