"""The product rule on tables, against counting."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from chainrule.errors import ChainruleError
from chainrule.learn.product_rule import count_free_parameters, factorize_joint, multiply_conditionals


def some_joint(*levels, seed=0):
    joint = np.random.default_rng(seed).random(levels)
    return joint / joint.sum()


@pytest.mark.parametrize("levels", [(2,), (1,), (2, 3), (3, 1, 2), (2, 2, 2, 2), (5, 4, 3)])
def test_the_product_of_the_conditionals_is_the_joint(levels):
    joint = some_joint(*levels)
    tables = factorize_joint(joint)
    assert [table.shape for table in tables] == [levels[: d + 1] for d in range(len(levels))]
    for table in tables:
        np.testing.assert_allclose(table.sum(-1), 1)
    np.testing.assert_allclose(multiply_conditionals(tables), joint)


def test_every_order_gives_the_same_joint_from_other_conditionals():
    joint, firsts = some_joint(2, 3, 2), set()
    for order in permutations(range(3)):
        tables = factorize_joint(joint.transpose(order))
        np.testing.assert_allclose(multiply_conditionals(tables).transpose(np.argsort(order)), joint)
        firsts.add(tuple(tables[0].round(6)))
    assert len(firsts) == 3


def test_impossible_outcomes_give_a_uniform_conditional_and_the_same_joint():
    joint = np.array([[0.0, 0.0], [0.25, 0.75]])
    first, second = factorize_joint(joint)
    assert first.tolist() == [0, 1]
    assert second.tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert multiply_conditionals([first, second]).tolist() == joint.tolist()


@pytest.mark.parametrize("levels", [(2, 2, 2, 2), (3, 4), (1, 5), (2,)])
def test_the_conditionals_have_as_many_free_parameters_as_the_joint(levels):
    assert sum(count_free_parameters(levels)) == math.prod(levels) - 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: factorize_joint([0.5, 0.6]), "sum to 1"),
        (lambda: factorize_joint([1.5, -0.5]), "at least 0"),
        (lambda: factorize_joint([math.nan, 1.0]), "at least 0"),
        (lambda: factorize_joint(1.0), "variables with levels"),
        (lambda: factorize_joint(np.zeros((2, 0))), "variables with levels"),
        (lambda: multiply_conditionals([]), r"give at least p\(x_1\)"),
        (lambda: multiply_conditionals([[0.5, 0.5], [0.5, 0.5]]), "factor 2 has the shape"),
        (lambda: multiply_conditionals([[[1.0]]]), "factor 1 has the shape"),
        (lambda: count_free_parameters([2, 0]), "at least 1 level"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ChainruleError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
