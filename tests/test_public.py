"""The public names: what `import chainrule` gives, what it costs, and that each says what it is for."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import pytest

import chainrule as cr


def in_a_new_process(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_names_are_there_and_none_is_private():
    assert len(set(cr.__all__)) == len(cr.__all__)
    assert [name for name in cr.__all__ if name.startswith("_")] == ["__version__"]
    assert all(getattr(cr, name) is not None for name in cr.__all__)


def test_every_name_comes_with_a_star():
    assert in_a_new_process("from chainrule import *; print(MADE.__name__, fit.__name__)") == "MADE fit\n"


def test_a_name_that_is_not_there_is_said():
    with pytest.raises(AttributeError, match="module 'chainrule' has no attribute 'nothing'"):
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


def test_neither_the_import_nor_the_help_loads_torch():
    code = (
        "import sys, chainrule, chainrule.cli; chainrule.cli.main(['--help']); "
        "print(sorted({'torch', 'numpy', 'rich', 'jsonargparse', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert in_a_new_process(code).endswith("\n[]\n")
