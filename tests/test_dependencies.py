"""Every imported package is declared in pyproject.toml, and every declared package is used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

MODULES = {"pillow": "PIL", "scikit-learn": "sklearn", "griffelib": "griffe"}
"""The module that a distribution brings, where it does not have the distribution's name."""

TOOLS = {
    "build": "makes the wheel (Makefile)",
    "mkdocs-material": "the theme of the site (mkdocs.yml)",
    "mkdocstrings": "a plugin of the site (mkdocs.yml)",
    "mypy": "checks types (Makefile)",
    "pandas-stubs": "the types of pandas, for mypy",
    "pre-commit": "runs the checks before a commit (.pre-commit-config.yaml)",
    "pytest-cov": "measures coverage (Makefile)",
    "pytest-xdist": "runs tests in several processes (pyproject.toml)",
    "ruff": "checks and formats (Makefile), and formats signatures on the site",
}
"""Dependencies that are run or configured and not imported, with their purpose."""

LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Try)
"""Code that runs after the import of its file, or that goes on when an import fails."""

OPTIONAL = [name for name in PROJECT["optional-dependencies"] if name not in ("dev", "docs")]
FOLDERS = {"tests": ["dev", "docs"], "benchmarks": ["dev"], "recipes": ["dev"], "website": ["docs"]}
"""The extras that the code of a folder may use, besides what the package depends on."""


def declared(*extras: str) -> set[str]:
    """The distributions of these extras, or without any those that the package depends on."""
    lists = [PROJECT["optional-dependencies"][extra] for extra in extras] or [PROJECT["dependencies"]]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for each in lists for requirement in each}
    return names - {PROJECT["name"]}


def modules(distributions: set[str]) -> set[str]:
    return {MODULES.get(name, name.replace("-", "_")) for name in distributions}


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(node: ast.AST, when: str) -> Iterator[str]:
    """The modules that the code below `node` imports.

    `when` is "at start" for what is imported as soon as the file is, "ever" for the imports in functions too, and
    "or looked for" for the modules too that the code only looks for, since it works without them.
    """
    for child in ast.iter_child_nodes(node):
        names: list[str] = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and not child.level:
            names = [child.module or ""]
        elif isinstance(child, ast.Call) and when == "or looked for":
            names = looked_for(child)
        yield from ({name.partition(".")[0] for name in names} - sys.stdlib_module_names)
        if when != "at start" or not isinstance(child, LATER):
            yield from imported(child, when)


def looked_for(call: ast.Call) -> list[str]:
    """The module in `find_spec("module")` or `pytest.importorskip("module")`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in ("find_spec", "importorskip") or not call.args or not isinstance(call.args[0], ast.Constant):
        return []
    return [str(call.args[0].value)]


def imports(folder: str, when: str = "ever") -> dict[str, str]:
    """Each module that the code of a folder imports from elsewhere, and a file that does so."""
    own = {path.stem for each in FOLDERS for path in files(each)} | {path.parent.name for path in files("tests")}
    if folder == "chainrule":
        own = set()
    found: dict[str, str] = {}
    for path in files(folder):
        for name in imported(ast.parse(path.read_text(encoding="utf-8")), when):
            found.setdefault(name, path.relative_to(ROOT).as_posix())
    return {name: path for name, path in found.items() if name not in own | {PROJECT["name"]}}


def test_every_dependency_is_imported_by_the_package():
    unused = modules(declared()) - imports("chainrule").keys()
    assert not unused, "the package imports none of these: remove them, or move them to an extra"


def test_every_import_of_the_package_is_declared():
    allowed = modules(declared() | declared(*OPTIONAL))
    assert not {name: path for name, path in imports("chainrule").items() if name not in allowed}


def test_the_package_is_imported_without_its_extras():
    """Except for the files that import an optional dependency at their start: others may import them in functions."""
    optional = modules(declared(*OPTIONAL))
    free = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in files("chainrule")
        if not optional & set(imported(ast.parse(path.read_text(encoding="utf-8")), "at start"))
    ]
    program = f"""
import sys
from importlib import import_module
sys.modules |= dict.fromkeys({sorted(optional)})  # so that they cannot be imported
for name in {free}:
    import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("extra", OPTIONAL)
def test_every_optional_dependency_is_used_by_the_package(extra):
    assert modules(declared(extra)) <= imports("chainrule", "or looked for").keys()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_import_beside_the_package_is_declared(folder):
    allowed = modules(declared() | declared(*FOLDERS[folder]))
    assert not {name: path for name, path in imports(folder).items() if name not in allowed}


def test_every_dependency_of_development_is_used():
    used = {name for folder in ("chainrule", *FOLDERS) for name in imports(folder, "or looked for")}
    unused = {name for name in declared("dev", "docs") - TOOLS.keys() if not modules({name}) <= used}
    assert not unused


def test_every_tool_is_declared():
    assert declared("dev", "docs") >= TOOLS.keys()


def test_every_dependency_has_its_version_in_the_constraints():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    assert declared("dev", "docs", "fast", "parquet", "tensorboard") | declared() <= pinned
