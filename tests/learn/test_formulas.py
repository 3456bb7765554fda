"""Each formula of the lessons, computed by its implementation, agrees with numbers that are computed another way."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import pytest

from chainrule.learn import TOPICS
from chainrule.learn.formulas import FORMULAS, Formula
from tests.learn import formula_checks_of_models, formula_checks_of_networks  # noqa: F401, both register their checks
from tests.learn.formula_checks import CHECKS


def find_implementation(formula: Formula) -> tuple[object, str]:
    """Return the implementation of a formula, and the docstrings of it and of its class."""
    parts = formula.implementation.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module, names = ".".join(parts[:length]), parts[length:]
        try:
            thing: object = import_module(module)
        except ModuleNotFoundError:
            continue
        docstrings = []
        for name in names:
            thing = getattr(thing, name)
            docstrings.append(inspect.getdoc(thing) or "")
        return thing, "\n".join(docstrings)
    raise LookupError(formula.implementation)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_implementation_computes_the_formula(name):
    CHECKS[name]()


def test_every_check_belongs_to_a_formula():
    assert set(CHECKS) == set(FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_implementation_exists_and_names_the_source(name):
    thing, docstrings = find_implementation(FORMULAS[name])
    assert callable(thing)
    key = re.search(r"\((.+?)\)", FORMULAS[name].source)
    assert key is not None
    assert key[1] in " ".join(docstrings.split())


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_belongs_to_a_lesson(name):
    assert FORMULAS[name].topic in TOPICS


def test_formulas_are_in_the_order_of_the_lessons():
    order = [list(TOPICS).index(formula.topic) for formula in FORMULAS.values()]
    assert order == sorted(order)
