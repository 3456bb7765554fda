"""What mkdocs does beside docs/: pages that are computed, generated from docstrings, or cut from files at the root.

Nothing of these is in the repository: lessons are computed anew, commands run again, and the rest has one source.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import reference
import torch
from alignment import aligned
from commands import executed
from formulas import with_formulas
from links import DOCS, beside, relinked
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from chainrule.cli import COMMANDS
from chainrule.learn import TOPICS, compute_lesson
from chainrule.reports import as_markdown

ROOT = Path(__file__).parents[1]
AT_ROOT = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
HOME = "index.md"
AT_ONCE = 2
"""Pages whose commands run beside each other, while lessons are computed; each in one thread."""
EXPLAIN = re.compile(r"`chainrule explain (\w+)`")
LOG = logging.getLogger("mkdocs.hooks")

Made = tuple[str, Mapping[str, bytes]]
"""A page, and its pictures by the names that it has for them."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the pages of a folder in place of its name, as in `learn/`, in the navigation."""
    torch.set_num_threads(1)  # several things are computed at once, and alike on every machine
    docs = Path(config.docs_dir)
    folders: dict[str, list[Any]] = {
        "learn/": ["learn/index.md", *(f"learn/{name}.md" for name in TOPICS)],
        "commands/": ["commands/index.md", *({name: f"commands/{name}.md"} for name in commands(docs))],
        "reference/": reference.navigation(),
    }
    config.nav = unfolded(config.nav, folders)
    return config


def unfolded(nav: Any, folders: Mapping[str, list[Any]]) -> Any:
    """The navigation with each folder replaced by its pages.

    Example:
        >>> unfolded([{"Home": "index.md"}, {"Learn": "learn/"}], {"learn/": ["learn/index.md", "learn/masks.md"]})
        [{'Home': 'index.md'}, {'Learn': ['learn/index.md', 'learn/masks.md']}]
    """
    if isinstance(nav, list):
        return [unfolded(each, folders) for each in nav]
    if isinstance(nav, dict):
        return {title: unfolded(each, folders) for title, each in nav.items()}
    return folders.get(nav, nav)


def commands(docs: Path) -> list[str]:
    """The commands that have a page, in the order of `chainrule --help`."""
    return [name for name in COMMANDS if (docs / "commands" / f"{name}.md").exists()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are not in docs/, and puts those with commands as they are once these have run."""
    for path, content in generated(Path(config.docs_dir)):
        known = files.get_file_from_path(path)
        if known:
            files.remove(known)
        files.append(File.generated(config, path, content=content))
    return files


def generated(docs: Path) -> Iterator[tuple[str, str | bytes]]:
    """All pages and pictures that are not read from docs/ as they are, by their paths in the site."""
    yield "results.md", results((ROOT / "README.md").read_text(encoding="utf-8"))
    for page, source in AT_ROOT.items():
        yield page, relinked((ROOT / source).read_text(encoding="utf-8"), source, page)
    yield from reference.pages().items()
    yield "learn/index.md", topics()
    yield "commands/index.md", overview(commands(docs))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pages = {name: (docs / "commands" / f"{name}.md").read_text(encoding="utf-8") for name in commands(docs)}
        waiting = {name: pool.submit(ran, markdown, name) for name, markdown in pages.items()}
        for name in TOPICS:
            yield from placed(f"learn/{name}", *told(name))
        for name, made in waiting.items():
            yield from placed(f"commands/{name}", *made.result())


def placed(page: str, markdown: str, pictures: Mapping[str, bytes]) -> Iterator[tuple[str, str | bytes]]:
    """A page, and its pictures in a folder beside it that has its name."""
    yield f"{page}.md", beside(markdown, pictures, page.rpartition("/")[2])
    for name, content in pictures.items():
        yield f"{page}/{name}", content


def results(readme: str) -> str:
    """The sections of the README that tell what was measured, as a page of their own.

    Raises:
        ValueError: the README has no such sections.
    """
    _, _, after = readme.partition("\n## Results\n")
    told, _, _ = after.partition("\n## More\n")
    if "\n## Speed\n" not in told:
        raise ValueError("README.md has no sections Results, Speed and More, in this order")
    return relinked(f"# Results\n{told}", "README.md", "results.md")


def topics() -> str:
    """The first page of the lessons."""
    rows = "\n".join(
        f"{place}. [{as_markdown(topic.title)}]({name}.md): {as_markdown(topic.summary)}"
        for place, (name, topic) in enumerate(TOPICS.items(), start=1)
    )
    return (
        "# Learn\n\n"
        "From one neuron's backward pass to the Diagonal BiLSTM, in small exact programs. Every number, table and "
        "picture of these pages was computed when they were built, by the code that they explain.\n\n"
        f"{rows}\n\n"
        "Each is in the terminal too; `chainrule explain` lists them:\n\n"
        f"```console\n$ chainrule explain\n$ chainrule explain {next(iter(TOPICS))}\n```\n"
    )


def overview(names: list[str]) -> str:
    """The first page of the commands."""
    rows = "\n".join(f"- [`chainrule {name}`]({name}.md): {as_markdown(COMMANDS[name])}" for name in names)
    return (
        "# Commands\n\n"
        "A page for each. What they show ran when the page was built, and printed what stands there.\n\n"
        f"{rows}\n\n"
        "`chainrule --help` lists them, and `chainrule train --help`, for one, its options.\n"
    )


@cache
def told(name: str) -> Made:
    """A lesson, computed, with links to those that it names; while the site is served, once."""
    LOG.info("computing the lesson %s", name)
    page = compute_lesson(name)
    text = EXPLAIN.sub(
        lambda words: f"[{words[0]}]({words[1]}.md)" if words[1] in TOPICS else words[0], page.markdown()
    )
    same = f"```console\n$ chainrule explain {name} --out {name}\n```\n"
    return f"{text}\n---\n\nThe same in the terminal, with its pictures as files:\n\n{same}", page.pictures


@cache
def ran(markdown: str, name: str) -> Made:
    """A page whose commands have run; while the site is served, once until the page changes."""
    LOG.info("running the commands of %s", name)
    with TemporaryDirectory() as folder:
        return executed(markdown, Path(folder), f"{name}.md")


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links that hold in the site, numbers to the right, names linked to the reference, and formulas drawn."""
    path = page.file.src_uri
    if path == HOME:
        page.meta["hide"] = ["navigation", "toc"]
    return with_formulas(reference.referenced(aligned(relinked(markdown, f"{DOCS}{path}", path))))
