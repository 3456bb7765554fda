"""The public names: what `import chainrule` gives, what it costs, and that every name has documentation."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import chainrule as cr
from tests.support.processes import in_a_new_process

STUB = Path(cr.__file__).with_suffix(".pyi")


def test_one_list_gives_the_names_of_the_package_of_dir_and_of_type_checkers():
    imports = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ImportFrom)]
    names = [alias.asname for node in imports for alias in node.names]
    assert sorted(names) == sorted(cr.__all__) == sorted(dir(cr))
    assert len(set(names)) == len(names)
    assert all(alias.asname == alias.name for node in imports for alias in node.names)


def test_all_names_are_there_and_none_is_private():
    assert [name for name in cr.__all__ if name.startswith("_")] == ["__version__"]
    assert all(getattr(cr, name) is not None for name in cr.__all__)


def test_every_name_comes_with_a_star():
    assert in_a_new_process("from chainrule import *; print(MADE.__name__, fit.__name__)") == "MADE fit\n"


def test_an_unknown_name_is_named():
    with pytest.raises(AttributeError, match=r"chainrule.*nothing"):
        _ = cr.nothing


@pytest.mark.parametrize("name", [name for name in cr.__all__ if name != "__version__"])
def test_every_name_is_documented(name):
    thing = getattr(cr, name)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        hints = inspect.get_annotations(thing)
        assert {"return", *inspect.signature(thing).parameters} == set(hints)


@pytest.mark.parametrize("name", [name for name in cr.__all__ if inspect.isclass(getattr(cr, name))])
def test_every_public_method_is_documented(name):
    for word, method in vars(getattr(cr, name)).items():
        if not word.startswith("_") and inspect.isfunction(method):
            assert inspect.getdoc(getattr(getattr(cr, name), word)), f"{name}.{word}"


FUNCTIONS = [name for name in cr.__all__ if inspect.isfunction(getattr(cr, name))]
DATA = {"model", "fn", "path", "source", "train", "valid", "data", "x", "evidence", "n", "shape"}
"""The arguments that may be given by position: what a function is about."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_after_the_data_are_keyword_only(name):
    parameters = inspect.signature(getattr(cr, name)).parameters.values()
    positional = {each.name for each in parameters if each.kind is not inspect.Parameter.KEYWORD_ONLY}
    assert positional <= DATA
    assert not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


@pytest.mark.parametrize("name", ["evaluate", "sample", "complete", "impute"])
def test_the_tasks_share_the_names_and_the_order_of_their_arguments(name):
    order = ["n", "seed", "temperature", "members", "particles", "equal_weights", "context", "batch_size", "progress"]
    keywords = [
        each.name
        for each in inspect.signature(getattr(cr, name)).parameters.values()
        if each.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    assert keywords == sorted(keywords, key=order.index)
    assert {"context", "batch_size", "progress"} <= set(keywords)


def test_neither_the_import_nor_the_help_loads_torch():
    code = (
        "import sys, chainrule, chainrule.cli; chainrule.cli.main(['--help']); "
        "print(sorted({'torch', 'numpy', 'rich', 'jsonargparse', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert in_a_new_process(code).endswith("\n[]\n")
