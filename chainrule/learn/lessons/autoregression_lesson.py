"""The lesson on autoregression: the product rule on a table, then a series predicted from its own past."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np

from chainrule.domains import Binary
from chainrule.figures import to_png
from chainrule.learn.arrays import FloatArray
from chainrule.learn.figures.autoregression_figures import Factorization, plot_factorizations
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.autoregression_series import add_time_series
from chainrule.learn.product_rule import count_free_parameters, factorize_joint, multiply_conditionals
from chainrule.learn.source_code import read_source
from chainrule.models import MADE
from chainrule.reports import Page, StageProgress

NAMES = ("sky", "rain", "umbrella")
LEVELS = (("clear", "grey", "dark"), ("dry", "wet"), ("home", "taken"))
DAYS = np.array([[[44, 2], [2, 2]], [[14, 4], [3, 7]], [[3, 3], [4, 12]]])
"""Invented counts of one hundred days, by sky, rain, and umbrella."""
OUTCOME = (2, 1, 1)
"""The example: a dark sky, rain, and the umbrella taken."""


def write(page: Page, progress: StageProgress) -> None:
    page.paragraph(
        "A model of data is a joint distribution: over all pixels of an image, or over all values of a time series. "
        "Such a distribution has far too many outcomes to list. Autoregression avoids the list: it predicts each "
        "value from the values before it, and multiplies the predicted probabilities. This lesson first applies it "
        "to a small table, where every probability can be counted, and then to a real time series."
    )
    joint = DAYS / DAYS.sum()
    add_factorization(page, joint)
    add_other_orders(page, joint)
    add_mistakes(page, joint)
    add_parameter_counts(page)
    progress(0.15)
    add_time_series(page, lambda share, more="": progress(0.15 + 0.8 * share, more))
    add_outlook(page)
    progress(1.0)


def add_factorization(page: Page, joint: FloatArray) -> None:
    tables = factorize_joint(joint)
    page.heading("One table, three factors")
    page.paragraph(
        f"On {DAYS.sum()} days (invented data) three things were recorded: the sky in the morning, whether it "
        "rained, and whether the umbrella stayed at home or was taken. Divide the counts by their sum, and they are "
        f"a joint distribution p(sky, rain, umbrella): one probability for each of the {joint.size} outcomes."
    )
    rows = [[sky, *(str(DAYS[index, rain, umbrella]) for rain in range(2) for umbrella in range(2))]
            for index, sky in enumerate(LEVELS[0])]  # fmt: skip
    page.table(
        ["sky", *(f"{rain}, {umbrella}" for rain in LEVELS[1] for umbrella in LEVELS[2])],
        rows,
        "The number of days with each outcome.",
    )
    page.paragraph("The product rule says that every joint distribution is a product of conditional distributions:")
    add_formulas(page, "product-rule")
    page.paragraph(
        "To compute the factor of a variable, sum the table over all later variables. Then divide by the marginal "
        "distribution of the variables before it."
    )
    add_factors(page, tables)
    terms = [float(table[OUTCOME[: d + 1]]) for d, table in enumerate(tables)]
    page.paragraph(
        "The probability of a dark sky, rain, and the umbrella taken is "
        f"{' × '.join(f'{term:.3f}' for term in terms)} = {math.prod(terms):.3f}. This is correct: {DAYS[OUTCOME]} of "
        f"the {DAYS.sum()} days had this outcome. The program that multiplies the factors is even shorter:"
    )
    page.code(read_source(multiply_conditionals), "python")
    page.paragraph("(`_check_factors` raises an error if the shapes of the tables do not fit together.)")


def add_factors(page: Page, tables: list[FloatArray]) -> None:
    page.code(read_source(factorize_joint), "python")
    page.paragraph(
        "`_check_joint` raises an error if its input is not a distribution. `_divide` divides. If the condition has "
        "probability 0, the quotient is 0 / 0, and `_divide` returns the uniform distribution instead."
    )
    page.table(["given", "p(clear)", "p(grey)", "p(dark)"], [["nothing", *_format_probs(tables[0])]], "p(sky).")
    page.table(
        ["given", "p(wet)", "p(taken), dry", "p(taken), wet"],
        [[sky, f"{tables[1][k, 1]:.2f}", *_format_probs(tables[2][k, :, 1])] for k, sky in enumerate(LEVELS[0])],
        "p(rain | sky), and p(umbrella | sky, rain).",
    )


def add_other_orders(page: Page, joint: FloatArray) -> None:
    page.heading("Any order is valid")
    page.paragraph(
        "The product rule does not say which variable comes first. Transpose the table, and the same rule gives "
        "different factors of the same joint distribution:"
    )
    rows, worst = [], 0.0
    for order in permutations(range(3)):
        tables = factorize_joint(joint.transpose(order))
        again = multiply_conditionals(tables).transpose(np.argsort(order))
        worst = max(worst, float(np.abs(again - joint).max()))
        index = tuple(OUTCOME[axis] for axis in order)
        terms = [float(table[index[: d + 1]]) for d, table in enumerate(tables)]
        rows.append(
            [", ".join(NAMES[axis] for axis in order), *(f"{term:.3f}" for term in terms), f"{again[OUTCOME]:.3f}"]
        )
    page.table(["order", "first", "second", "third", "product"], rows, "Dark, wet, taken: the factors in each order.")
    page.paragraph(
        f"In all {len(rows)} orders the product is the original table (the largest difference is {worst:.0e}). So "
        "the order is a choice of the model, not a property of the data. A network learns the factors of some "
        "orders more easily than the factors of others. Some questions are easy in one order only: with the factors "
        "p(umbrella), p(sky | umbrella), … one can start from an observed umbrella and sample the other two "
        "variables."
    )
    add_order_figure(page, joint)


def add_order_figure(page: Page, joint: FloatArray) -> None:
    orders = ((0, 1, 2), (2, 1, 0))
    arrangements = [
        Factorization(
            [NAMES[axis] for axis in order], [LEVELS[axis] for axis in order], factorize_joint(joint.transpose(order))
        )
        for order in orders
    ]
    outcome = {NAMES[axis]: LEVELS[axis][level] for axis, level in enumerate(OUTCOME)}
    page.figure(
        to_png(plot_factorizations(arrangements, outcome)),
        "Each row divides the boxes of the row above it by the next conditional distribution. The orange outcome has "
        "the same width in both orders: the factors differ, their product does not.",
        "Two rows of nested bars, one for each of two orders of the variables. The last orange box has the same width "
        "in both.",
        "factors.png",
    )  # fmt: skip


def add_mistakes(page: Page, joint: FloatArray) -> None:
    rain_by_umbrella = joint.sum(0)
    given_rain = rain_by_umbrella / rain_by_umbrella.sum(1, keepdims=True)
    given_umbrella = rain_by_umbrella / rain_by_umbrella.sum(0, keepdims=True)
    loop = given_rain * given_umbrella
    gained = float((rain_by_umbrella * np.log(loop / rain_by_umbrella)).sum())
    rows_of_disjoint = np.einsum("i,j,k->ijk", joint.sum((1, 2)), joint.sum((0, 2)), joint.sum((0, 1)))
    lost = float((joint * np.log(joint / rows_of_disjoint)).sum())
    page.heading("Two ways to get it wrong")
    page.points(
        [
            "A leak. Let each of two variables depend on the other: p(rain | umbrella) · p(umbrella | rain). Each "
            f"factor is a correct conditional distribution, but the products sum to {loop.sum():.2f}. So this is not "
            f"a distribution, and its “likelihoods” are too good: {gained:.2f} nats a day better than the true "
            "p(rain, umbrella), which no distribution can beat. (A nat is a unit of −log p, with the natural "
            "logarithm.) The product rule requires that each variable depends only on the variables before it: on "
            "x_{<d}, never on x_{d} itself or on later variables.",
            "Independence. Leave out the conditions: p(sky) · p(rain) · p(umbrella). The products do sum to "
            f"{rows_of_disjoint.sum():.2f}, but this is a different distribution. It gives the dark, wet day with "
            f"the umbrella taken the probability {rows_of_disjoint[OUTCOME]:.3f} instead of {joint[OUTCOME]:.3f}. On "
            f"average it costs {lost:.2f} nats a day more than the true p.",
        ]
    )


def add_parameter_counts(page: Page) -> None:
    page.heading("Four factors, and their number of parameters")
    page.paragraph("For four variables, in their numbered order, the product rule is")
    add_formulas(page, "four-factors")
    four = count_free_parameters([2] * 4)
    page.paragraph(
        f"If the variables are binary, the tables have {' + '.join(map(str, four))} = {sum(four)} free parameters. "
        f"The joint table has the same number, 2^{{4}} − 1 = {2**4 - 1}. So the product rule alone saves no "
        "parameters. The saving comes from a function with few parameters that computes each conditional "
        "distribution, in place of a table. MADE, the network of the lesson `masks`, is such a function, and it "
        "computes all D conditional distributions at once. Here it has one hidden layer of 100 units:"
    )
    rows = []
    for sites in (4, 16, 64, 784):
        table = sum(count_free_parameters([2] * sites))
        weights = sum(each.numel() for each in MADE(Binary((sites,)), hidden=(100,)).parameters())
        rows.append(
            [f"{sites}", f"{table:,}" if table < 1e6 else f"about 10^{{{math.log10(table):.0f}}}", f"{weights:,}"]
        )
    page.table(
        ["binary variables D", "parameters of the tables, 2^{D} − 1", "parameters of MADE"], rows,
        "An image of 8×8 has 64 pixels, an image of 28×28 has 784.",
    )  # fmt: skip
    page.paragraph(
        "For four variables the network is larger than the tables. For many variables the tables can neither be "
        "stored nor learned: almost none of their outcomes occurs in the data."
    )


def _format_probs(numbers: FloatArray) -> list[str]:
    return [f"{number:.2f}" for number in numbers]


def add_outlook(page: Page) -> None:
    page.heading("What comes next")
    page.paragraph(
        "A time series has a natural order. The pixels of an image have no natural order, there are many of them, "
        "and their conditional distributions are not linear functions. Networks will compute these distributions, "
        "and networks are trained by the chain rule of derivatives: the next lesson, `backprop`. In such a network "
        "masks make sure that each output depends only on the values before it: the lesson `masks`. Before it, "
        "`autoencoders` and `distributions` show what goes wrong without masks. The probability mass below 0 returns "
        "in `outputs`, where a Gaussian predicts pixels."
    )
