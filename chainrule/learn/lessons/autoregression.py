"""The lesson on autoregression: the product rule on a table, then a series predicted from its own past."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np

from chainrule.domains import Binary
from chainrule.figures import to_png
from chainrule.learn.autoregression import Floats, factors, free_numbers, product_rule
from chainrule.learn.formulas import state
from chainrule.learn.lessons.autoregression_series import tell_the_series
from chainrule.learn.pictures.autoregression import Arrangement, factors_figure
from chainrule.learn.source import source
from chainrule.models import MADE
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell

NAMES = ("sky", "rain", "umbrella")
LEVELS = (("clear", "grey", "dark"), ("dry", "wet"), ("home", "taken"))
DAYS = np.array([[[44, 2], [2, 2]], [[14, 4], [3, 7]], [[3, 3], [4, 12]]])
"""One hundred days, made up: how many had each sky, rain, and umbrella."""
CHOSEN = (2, 1, 1)
"""A dark sky, rain, and the umbrella taken."""


def write(page: Page, tell: Tell) -> None:
    page.paragraph(
        "A model of data is a joint distribution: of all pixels of an image, of all values of a series. Such a "
        "distribution has far too many outcomes to be written down. Autoregression is the way around that: predict "
        "each value from those before it, and multiply. This lesson does it first where one can still count, then on "
        "a real series."
    )
    joint = DAYS / DAYS.sum()
    tell_the_product(page, joint)
    tell_other_orders(page, joint)
    tell_leaks(page, joint)
    tell_four(page)
    tell(0.15)
    tell_the_series(page, lambda share, more="": tell(0.15 + 0.8 * share, more))
    tell_next(page)
    tell(1.0)


def tell_the_product(page: Page, joint: Floats) -> None:
    tables = factors(joint)
    page.heading("One table, three factors")
    page.paragraph(
        f"On {DAYS.sum()} days (made up) somebody wrote down three things: the sky in the morning, whether it rained, "
        "and what became of the umbrella. Divided by their sum, the counts are a joint distribution "
        "p(sky, rain, umbrella): a number for each of the "
        f"{joint.size} outcomes."
    )
    rows = [[sky, *(str(DAYS[place, rain, kept]) for rain in range(2) for kept in range(2))]
            for place, sky in enumerate(LEVELS[0])]  # fmt: skip
    page.table(["sky", *(f"{rain}, {kept}" for rain in LEVELS[1] for kept in LEVELS[2])], rows, "Days.")
    page.paragraph("The product rule says that any such table is a product of conditional ones:")
    state(page, "product-rule")
    page.paragraph(
        "The factors are found by counting: sum out all later variables, then divide by what the variables before "
        "have in sum."
    )
    tell_the_factors(page, tables)
    terms = [float(table[CHOSEN[: d + 1]]) for d, table in enumerate(tables)]
    page.paragraph(
        "A dark sky, rain, and the umbrella taken: "
        f"{' × '.join(f'{term:.3f}' for term in terms)} = {math.prod(terms):.3f}, and indeed {DAYS[CHOSEN]} of the "
        f"{DAYS.sum()} days were so. Multiplying is even shorter than factoring:"
    )
    page.code(source(product_rule), "python")
    page.paragraph("(`_nested` refuses tables that do not fit each other.)")


def tell_the_factors(page: Page, tables: list[Floats]) -> None:
    page.code(source(factors), "python")
    page.paragraph(
        "`_checked` refuses what is no distribution. `_divided` divides; given what never happens, where that is 0 / "
        "0, it says uniform."
    )
    page.table(["given", "p(clear)", "p(grey)", "p(dark)"], [["nothing", *_two(tables[0])]], "p(sky).")
    page.table(
        ["given", "p(wet)", "p(taken), dry", "p(taken), wet"],
        [[sky, f"{tables[1][k, 1]:.2f}", *_two(tables[2][k, :, 1])] for k, sky in enumerate(LEVELS[0])],
        "p(rain | sky), and p(umbrella | sky, rain).",
    )


def tell_other_orders(page: Page, joint: Floats) -> None:
    page.heading("Any order will do")
    page.paragraph(
        "Nothing was said of which variable comes first. Transpose the table, and the same rule gives other factors "
        "of the same joint distribution:"
    )
    rows, worst = [], 0.0
    for order in permutations(range(3)):
        tables = factors(joint.transpose(order))
        again = product_rule(tables).transpose(np.argsort(order))
        worst = max(worst, float(np.abs(again - joint).max()))
        place = tuple(CHOSEN[axis] for axis in order)
        terms = [float(table[place[: d + 1]]) for d, table in enumerate(tables)]
        rows.append(
            [", ".join(NAMES[axis] for axis in order), *(f"{term:.3f}" for term in terms), f"{again[CHOSEN]:.3f}"]
        )
    page.table(["order", "first", "second", "third", "product"], rows, "Dark, wet, taken: the factors in each order.")
    page.paragraph(
        f"All {len(rows)} orders give back the whole table (the largest difference is {worst:.0e}). So the order is a "
        "choice, not a fact about the data. A network that learns the factors will find some orders easier than "
        "others, and some questions are easy in one order alone: from p(umbrella), p(sky | umbrella), … one can begin "
        "with a given umbrella, and draw the rest."
    )
    draw_orders(page, joint)


def draw_orders(page: Page, joint: Floats) -> None:
    orders = ((0, 1, 2), (2, 1, 0))
    arrangements = [
        Arrangement([NAMES[axis] for axis in order], [LEVELS[axis] for axis in order], factors(joint.transpose(order)))
        for order in orders
    ]
    page.figure(
        to_png(factors_figure(arrangements, {NAMES[axis]: LEVELS[axis][level] for axis, level in enumerate(CHOSEN)})),
        "Each row divides the boxes of the row above it by the next conditional. The orange outcome is as wide below "
        "as above: other factors, the same product.",
        "Two rows of nested bars, one for each of two orders of the variables. The last orange box has the same width "
        "in both.",
        "factors.png",
    )  # fmt: skip


def tell_leaks(page: Page, joint: Floats) -> None:
    rain_by_umbrella = joint.sum(0)
    given_rain = rain_by_umbrella / rain_by_umbrella.sum(1, keepdims=True)
    given_umbrella = rain_by_umbrella / rain_by_umbrella.sum(0, keepdims=True)
    loop = given_rain * given_umbrella
    gained = float((rain_by_umbrella * np.log(loop / rain_by_umbrella)).sum())
    alone = np.einsum("i,j,k->ijk", joint.sum((1, 2)), joint.sum((0, 2)), joint.sum((0, 1)))
    lost = float((joint * np.log(joint / alone)).sum())
    page.heading("Two ways to get it wrong")
    page.points(
        [
            "A leak. Let each of two variables look at the other: p(rain | umbrella) · p(umbrella | rain). Each factor "
            f"is a fine conditional, and their products sum to {loop.sum():.2f}. That is no distribution, and its "
            f"“likelihoods” are too good: {gained:.2f} nats a day better than the true p(rain, umbrella), which no "
            "distribution can beat. The rule holds since each variable looks only at those before it: x_{<d}, never "
            "x_{d} itself, nor what comes after.",
            "Independence. Leave out the conditions: p(sky) · p(rain) · p(umbrella). This does sum to "
            f"{alone.sum():.2f}, but it is another distribution: it gives the dark, wet day with the umbrella taken "
            f"{alone[CHOSEN]:.3f} instead of {joint[CHOSEN]:.3f}, and costs {lost:.2f} nats a day more than the true "
            "p, in the mean. (A nat is a unit of −log p, with the natural logarithm.)",
        ]
    )


def tell_four(page: Page) -> None:
    page.heading("Four factors, and how many numbers they hold")
    page.paragraph("Of four variables, in their own order, the product rule reads")
    state(page, "four-factors")
    four = free_numbers([2] * 4)
    page.paragraph(
        f"If they are binary, the tables hold {' + '.join(map(str, four))} = {sum(four)} numbers that one is free to "
        f"choose, exactly as many as the joint table, 2^{{4}} − 1 = {2**4 - 1}. The rule alone saves nothing. What "
        "saves is to compute each conditional by a function with few parameters instead of looking it up. MADE, the "
        "network that the lesson `masks` builds, is such a function, for all D conditionals at once; here with one "
        "hidden layer of 100 units:"
    )
    rows = []
    for sites in (4, 16, 64, 784):
        table = sum(free_numbers([2] * sites))
        weights = sum(each.numel() for each in MADE(Binary((sites,)), hidden=(100,)).parameters())
        rows.append(
            [f"{sites}", f"{table:,}" if table < 1e6 else f"about 10^{{{math.log10(table):.0f}}}", f"{weights:,}"]
        )
    page.table(
        ["binary variables D", "numbers in the tables, 2^{D} − 1", "parameters of MADE"], rows,
        "64 are the pixels of an image of 8×8, 784 those of one of 28×28.",
    )  # fmt: skip
    page.paragraph(
        "For four variables the network is the larger one. Soon no table can be stored, nor could its numbers be "
        "learned: hardly any of the outcomes was ever seen."
    )


def _two(numbers: Floats) -> list[str]:
    return [f"{number:.2f}" for number in numbers]


def tell_next(page: Page) -> None:
    page.heading("What comes next")
    page.paragraph(
        "A series has an order of its own. The pixels of an image have none that is given, there are many of them, and "
        "their conditionals are no straight lines. They will be networks, which are trained by the chain rule of "
        "derivatives: the next lesson, `backprop`. That each output of such a network reads only what comes before it "
        "is the work of masks: the lesson `masks`, after `autoencoders` and `distributions` have shown what goes wrong "
        "without. And the mass below 0 comes back in `outputs`, where a Gaussian has to predict pixels."
    )
