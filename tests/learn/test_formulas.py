"""Each formula of the lessons is computed by the place that it names, on numbers worked out another way."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import pytest

from chainrule.learn import TOPICS
from chainrule.learn.formulas import FORMULAS, Formula
from tests.learn import checks_models, checks_networks  # noqa: F401, they list themselves
from tests.learn.checks import CHECKS


def place_of(formula: Formula) -> tuple[object, str]:
    """What computes the formula, and what is written of it and of its class."""
    parts = formula.place.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module, names = ".".join(parts[:length]), parts[length:]
        try:
            thing: object = import_module(module)
        except ModuleNotFoundError:
            continue
        words = []
        for name in names:
            thing = getattr(thing, name)
            words.append(inspect.getdoc(thing) or "")
        return thing, "\n".join(words)
    raise LookupError(formula.place)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_place_computes_the_formula(name):
    CHECKS[name]()


def test_no_check_is_of_a_formula_that_is_not_there():
    assert set(CHECKS) == set(FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_place_is_there_and_names_the_source(name):
    thing, words = place_of(FORMULAS[name])
    assert callable(thing)
    key = re.search(r"\((.+?)\)", FORMULAS[name].source)
    assert key is not None
    assert key[1] in " ".join(words.split())


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_belongs_to_a_lesson(name):
    assert FORMULAS[name].topic in TOPICS


def test_formulas_are_in_the_order_of_the_lessons():
    order = [list(TOPICS).index(formula.topic) for formula in FORMULAS.values()]
    assert order == sorted(order)
