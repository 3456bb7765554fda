"""The reference: pages of the public names, which mkdocstrings fills from the docstrings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import getdoc
from pkgutil import iter_modules
from typing import Any

from docstring_markdown import docstring_as_markdown
from markdown_code import change_outside_blocks

import chainrule
import chainrule.learn


@dataclass(frozen=True)
class Group:
    """A page of the reference.

    Attributes:
        name: the name of the page's file.
        title: the title of the page.
        description: the text below the title.
        public_names: names of `chainrule`, such as "fit".
        other_paths: full names of what the public names take or return.
        module: the full name of a module, where the page is that of a module.
    """

    name: str
    title: str
    description: str = ""
    public_names: tuple[str, ...] = ()
    other_paths: tuple[str, ...] = ()
    module: str = ""

    @property
    def page_path(self) -> str:
        """The path of the page in the folder of pages."""
        return f"reference/{self.name}.md"

    @property
    def paths(self) -> list[str]:
        """The full names of all that is on the page."""
        return [*map(full_name, self.public_names), *self.other_paths]

    def page(self) -> str:
        """Return the page, as Markdown for mkdocstrings."""
        parts = [f"# {self.title}", self.description, *(f"::: {path}" for path in self.paths)]
        if self.module:
            parts.append(f"::: {self.module}\n    options:\n      show_root_heading: false")
        return "\n\n".join(filter(None, parts)) + "\n"


def full_name(name: str) -> str:
    """Return the full name of a public name: the module that defines it, and its name there.

    Example:
        >>> full_name("fit")
        'chainrule.training.fit.fit'
    """
    thing = getattr(chainrule, name)
    return f"{thing.__module__}.{thing.__qualname__}" if hasattr(thing, "__module__") else f"chainrule.version.{name}"


GROUPS = (
    Group(
        "domains",
        "Domains and orders",
        "The space of a datum: the shape of an image or the columns of a table, and the values of each site. "
        "An order is a permutation of the sites.",
        ("Binary", "Levels", "Table", "Column", "Domain", "Order"),
    ),
    Group(
        "models",
        "Models",
        "Densities p(x) = ∏ p(x_i | x_\\<i), and ensembles of them.",
        ("Independent", "MADE", "PixelCNN", "PixelRNN", "Ensemble"),
    ),
    Group(
        "model-interface",
        "Model interface",
        "What every model has, and what a model of your own writes: all conditionals in one parallel pass. "
        "A sampler gives the same conditionals step by step.",
        ("Density", "AutoregressiveModel", "Distributions", "Conditionals", "Sampler"),
        ("chainrule.sampling.schedules.Schedule",),
    ),
    Group(
        "training",
        "Training",
        "One call trains a model, in memory or as a run that can be stopped and resumed.",
        ("fit", "Settings", "History", "TrainingStopped"),
        ("chainrule.training.history.EpochMetrics",),
    ),
    Group(
        "inference",
        "Inference",
        "What a trained model is for: likelihoods, samples, completions and missing values.",
        ("evaluate", "Evaluation", "sample", "complete", "impute", "Imputation", "CollapseWarning"),
    ),
    Group(
        "checks",
        "Checks",
        "Checks that a model is the density that it claims to be, and their reports.",
        ("check_model", "CheckReport", "Finding", "check_leak", "LeakReport"),
    ),
    Group(
        "data",
        "Data",
        "Data sets from files, folders and arrays.",
        ("load_data", "Data", "Split"),
    ),
    Group(
        "storage",
        "Storage and errors",
        "Models on disk, the error that wrong input raises, and the version.",
        ("save", "load", "ChainruleError", "__version__"),
    ),
    Group(
        "sklearn",
        "chainrule.sklearn",
        "MADE as estimators with scikit-learn's interface, for arrays and DataFrames. Import this module by itself.",
        other_paths=("chainrule.sklearn.MADEDensity", "chainrule.sklearn.MADEImputer"),
    ),
)
"""All pages but those of the lessons, in the order of the navigation."""
PUBLIC = {f"{package}.{name}": full_name(name) for package in ("chainrule", "cr") for name in dir(chainrule)}
"""The full name of each public name, by the names that pages use for it."""
NAME_IN_CODE = re.compile(r"(?<!\[)`((?:cr|chainrule)\.[\w.]+)`")


def pages() -> dict[str, str]:
    """Return all pages of the reference, by their paths in the folder of pages."""
    return {"reference/index.md": index_page()} | {
        group.page_path: group.page() for group in (*GROUPS, *lesson_groups())
    }


def navigation() -> list[Any]:
    """Return the paths of all pages for the navigation; those of the lessons' modules have a title in common."""
    modules = [{group.title.removeprefix("chainrule.learn."): group.page_path} for group in lesson_groups()]
    return ["reference/index.md", *(group.page_path for group in GROUPS), {"chainrule.learn": modules}]


def lesson_groups() -> list[Group]:
    """Return a page for each module that computes what a lesson says; the lessons' texts and figures have none."""
    path, name = chainrule.learn.__path__, chainrule.learn.__name__
    modules = [name, *(f"{name}.{module.name}" for module in iter_modules(path) if not module.ispkg)]
    return [Group(module.removeprefix("chainrule."), module, module=module) for module in modules]


def link_names(markdown: str) -> str:
    """Return the page with names in code, such as `cr.fit`, linked to the reference where they are in it.

    Example:
        >>> link_names("`chainrule fit` and `cr.fit`")
        '`chainrule fit` and <autoref identifier="chainrule.training.fit.fit" optional><code>cr.fit</code></autoref>'
    """
    return change_outside_blocks(markdown, partial(NAME_IN_CODE.sub, _link_name))


def _link_name(match: re.Match[str]) -> str:
    path = PUBLIC.get(match[1], match[1])
    return f'<autoref identifier="{path}" optional><code>{match[1]}</code></autoref>'


def index_page() -> str:
    """Return the first page: every name with the first line of its docstring."""
    parts = ["# Reference", "`import chainrule as cr` gives these names, with types and with examples that are tested."]
    for group in GROUPS:
        parts += [f"## [{group.title}]({group.name}.md)", group.description]
        parts += [f"- [`{short_name(path)}`][{path}]: {summary(path)}" for path in group.paths]
    parts += ["## chainrule.learn", "The small exact programs behind [the lessons](../learn/index.md)."]
    parts += [f"- [`{group.title}`]({group.name}.md): {summary(group.title)}" for group in lesson_groups()]
    return "\n\n".join(parts) + "\n"


def short_name(path: str) -> str:
    """Return the name by which a user refers to something.

    Example:
        >>> short_name("chainrule.training.fit.fit"), short_name("chainrule.training.history.EpochMetrics")
        ('cr.fit', 'chainrule.training.history.EpochMetrics')
    """
    return next((name for name, full in PUBLIC.items() if full == path and name.startswith("cr.")), path)


def summary(path: str) -> str:
    """Return the first paragraph of a docstring, as Markdown.

    Example:
        >>> summary("chainrule.domains.column.Column")
        'One column of a table.'
    """
    if path == full_name("__version__"):
        return "The version, as a string."
    text = docstring_as_markdown(getdoc(import_name(path)) or "").strip()
    return " ".join(text.split("\n\n")[0].split())


def import_name(path: str) -> object:
    """Return a module, or something in a module, by its full name."""
    try:
        return import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(import_module(module), name)
