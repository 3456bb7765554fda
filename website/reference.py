"""Reference: pages of public names by what they are for; mkdocstrings fills them from the docstrings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import getdoc
from pkgutil import iter_modules
from typing import Any

from docstrings import as_markdown
from prose import outside_blocks

import chainrule
import chainrule.learn


@dataclass(frozen=True)
class Group:
    """A page of the reference.

    Attributes:
        name: of its file.
        names: what is public in `chainrule`.
        beside: what these give or take, by its full name.
        module: one whose page it is.
    """

    name: str
    title: str
    words: str = ""
    names: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    module: str = ""

    @property
    def place(self) -> str:
        """Its path in the folder of pages."""
        return f"reference/{self.name}.md"

    @property
    def paths(self) -> list[str]:
        """Where all that is on the page is written."""
        return [*map(home, self.names), *self.beside]

    def page(self) -> str:
        """The page, as Markdown for mkdocstrings."""
        words = [f"# {self.title}", self.words, *(f"::: {path}" for path in self.paths)]
        whole = [f"::: {self.module}\n    options:\n      show_root_heading: false"] if self.module else []
        return "\n\n".join(filter(None, [*words, *whole])) + "\n"


def home(name: str) -> str:
    """Where a public name is written.

    Example:
        >>> home("fit")
        'chainrule.training.fit.fit'
    """
    thing = getattr(chainrule, name)
    return f"{thing.__module__}.{thing.__qualname__}" if hasattr(thing, "__module__") else f"chainrule.version.{name}"


GROUPS = (
    Group(
        "domains",
        "Domains",
        "What a datum is: the shape of an image or the columns of a table, and the values that each site can take.",
        ("Binary", "Levels", "Table", "Column", "Order"),
        ("chainrule.domains.domain.Domain",),
    ),
    Group(
        "models",
        "Models",
        "Densities p(x) = ∏ p(x_i | x_\\<i). "
        "Each has all conditionals at once, in parallel, and a sequential half that agrees with them.",
        ("Independent", "MADE", "PixelCNN", "PixelRNN", "Ensemble", "AutoregressiveModel", "Density", "Conditionals"),
    ),
    Group(
        "training",
        "Training",
        "One call trains a model, in memory or as a run that can be stopped and resumed.",
        ("fit", "TrainingStopped"),
        ("chainrule.training.settings.Settings", "chainrule.training.history.History"),
    ),
    Group(
        "tasks",
        "Tasks",
        "What a trained model is for: likelihoods, new data, and what is missing.",
        ("evaluate", "sample", "complete", "impute", "most_likely", "mean", "CollapseWarning"),
        ("chainrule.inference.evaluate.Evaluation", "chainrule.inference.conditioning.Imputation"),
    ),
    Group(
        "laws",
        "Laws",
        "Checks that a model is the density that it says it is.",
        ("check_model", "check_leak"),
        ("chainrule.checks.check_report.CheckReport", "chainrule.checks.leak_report.LeakReport"),
    ),
    Group(
        "data",
        "Storage and data",
        "Models on disk, data sets from files, and the errors that bad input raises.",
        ("save", "load", "load_data", "Data", "ChainruleError", "__version__"),
        ("chainrule.data.splits.Split", "chainrule.data.preprocessing.Preprocessing", "chainrule.data.rows.Rows"),
    ),
    Group(
        "sklearn",
        "chainrule.sklearn",
        "MADE as estimators with scikit-learn's interface, for arrays and DataFrames; not imported with `chainrule`.",
        beside=("chainrule.sklearn.MADEDensity", "chainrule.sklearn.MADEImputer"),
    ),
)
"""All pages but those of the lessons, in the order of the navigation."""
PUBLIC = {f"{package}.{name}": home(name) for package in ("chainrule", "cr") for name in chainrule.__all__}
NAME = re.compile(r"(?<!\[)`((?:cr|chainrule)\.[\w.]+)`")


def pages() -> dict[str, str]:
    """All pages of the reference, by their paths in the folder of pages."""
    return {"reference/index.md": index()} | {group.place: group.page() for group in (*GROUPS, *lessons())}


def navigation() -> list[Any]:
    """The same paths, those of the lessons under a title."""
    return [
        "reference/index.md",
        *(group.place for group in GROUPS),
        {"chainrule.learn": [{group.title.removeprefix("chainrule.learn."): group.place} for group in lessons()]},
    ]


def lessons() -> list[Group]:
    """The modules that compute what the lessons tell; not the texts and drawings of these."""
    path, name = chainrule.learn.__path__, chainrule.learn.__name__
    modules = [name, *(f"{name}.{module.name}" for module in iter_modules(path) if not module.ispkg)]
    return [Group(module.removeprefix("chainrule."), module, module=module) for module in modules]


def referenced(markdown: str) -> str:
    """Link names such as `cr.fit` or `chainrule.learn.made_masks.count_paths` to the reference, if they are there.

    Example:
        >>> referenced("`chainrule fit` and `cr.fit`")
        '`chainrule fit` and <autoref identifier="chainrule.training.fit.fit" optional><code>cr.fit</code></autoref>'
    """
    return outside_blocks(markdown, partial(NAME.sub, _reference))


def _reference(name: re.Match[str]) -> str:
    path = PUBLIC.get(name[1], name[1])
    return f'<autoref identifier="{path}" optional><code>{name[1]}</code></autoref>'


def index() -> str:
    """The first page: every name with a line of what it is."""
    words = ["# Reference", "`import chainrule as cr` gives these names, with types and with examples that are tested."]
    for group in GROUPS:
        words += [f"## [{group.title}]({group.name}.md)", group.words]
        words += [f"- [`{shown(path)}`][{path}]: {summary(path)}" for path in group.paths]
    words += ["## chainrule.learn", "The small exact programs behind [the lessons](../learn/index.md)."]
    words += [f"- [`{group.title}`]({group.name}.md): {summary(group.title)}" for group in lessons()]
    return "\n\n".join(words) + "\n"


def shown(path: str) -> str:
    """The name by which something is used.

    Example:
        >>> shown("chainrule.training.fit.fit"), shown("chainrule.checks.check_report.CheckReport")
        ('cr.fit', 'chainrule.checks.check_report.CheckReport')
    """
    return next((name for name, place in PUBLIC.items() if place == path and name.startswith("cr.")), path)


def summary(path: str) -> str:
    """The first line of a docstring, as Markdown.

    Example:
        >>> summary("chainrule.domains.column.Column")
        'One column of a table.'
    """
    if path == home("__version__"):
        return "The version, as a string."
    words = as_markdown(getdoc(found(path)) or "").strip()
    return " ".join(words.split("\n\n")[0].split())


def found(path: str) -> object:
    """A module, or what is in one, by its full name."""
    try:
        return import_module(path)
    except ModuleNotFoundError:
        place, _, name = path.rpartition(".")
        return getattr(import_module(place), name)
