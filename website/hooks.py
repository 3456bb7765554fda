"""The hooks of mkdocs: they add the pages that are computed, generated from docstrings, or copied from other files.

These pages are not in the repository. Lessons are computed and commands are run when the site is built.
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
from command_pages import run_page
from formulas import render_formulas
from links import DOCS, move_pictures, translate_links
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from table_alignment import align_tables

from chainrule.cli import COMMANDS
from chainrule.learn import TOPICS, compute_lesson
from chainrule.reports import as_markdown

ROOT = Path(__file__).parents[1]
FILES_AT_ROOT = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
"""The files at the root of the repository that are pages, by the pages' paths."""
HOME = "index.md"
THREADS = 2
"""The number of pages whose commands run at once, while lessons are computed."""
EXPLAIN_COMMAND = re.compile(r"`chainrule explain (\w+)`")
LOG = logging.getLogger("mkdocs.hooks")

ComputedPage = tuple[str, Mapping[str, bytes]]
"""A page, and its pictures by their paths on the page."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace folders such as `learn/` in the navigation by their pages."""
    torch.set_num_threads(1)  # lessons and commands run at once, and give the same numbers on every machine
    docs = Path(config.docs_dir)
    folders: dict[str, list[Any]] = {
        "learn/": ["learn/index.md", *(f"learn/{name}.md" for name in TOPICS)],
        "commands/": ["commands/index.md", *({name: f"commands/{name}.md"} for name in documented_commands(docs))],
        "reference/": reference.navigation(),
    }
    config.nav = expand_folders(config.nav, folders)
    return config


def expand_folders(nav: Any, folders: Mapping[str, list[Any]]) -> Any:
    """Return the navigation with each folder replaced by its pages.

    Example:
        >>> nav = [{"Home": "index.md"}, {"Learn": "learn/"}]
        >>> expand_folders(nav, {"learn/": ["learn/index.md", "learn/masks.md"]})
        [{'Home': 'index.md'}, {'Learn': ['learn/index.md', 'learn/masks.md']}]
    """
    if isinstance(nav, list):
        return [expand_folders(item, folders) for item in nav]
    if isinstance(nav, dict):
        return {title: expand_folders(item, folders) for title, item in nav.items()}
    return folders.get(nav, nav)


def documented_commands(docs: Path) -> list[str]:
    """Return the commands that have a page, in the order of `chainrule --help`."""
    return [name for name in COMMANDS if (docs / "commands" / f"{name}.md").exists()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/, and replace those with commands by what these print."""
    for path, content in generate_files(Path(config.docs_dir)):
        existing = files.get_file_from_path(path)
        if existing:
            files.remove(existing)
        files.append(File.generated(config, path, content=content))
    return files


def generate_files(docs: Path) -> Iterator[tuple[str, str | bytes]]:
    """Yield the path and the contents of every page and picture that is not a file of docs/ as it is."""
    yield "results.md", results_page((ROOT / "README.md").read_text(encoding="utf-8"))
    for page, source in FILES_AT_ROOT.items():
        yield page, translate_links((ROOT / source).read_text(encoding="utf-8"), source, page)
    yield from reference.pages().items()
    yield "learn/index.md", lessons_index()
    yield "commands/index.md", commands_index(documented_commands(docs))
    with ThreadPoolExecutor(THREADS) as pool:
        sources = {
            name: (docs / "commands" / f"{name}.md").read_text(encoding="utf-8") for name in documented_commands(docs)
        }
        running = {name: pool.submit(compute_command_page, source, name) for name, source in sources.items()}
        for name in TOPICS:
            yield from page_files(f"learn/{name}", *compute_lesson_page(name))
        for name, future in running.items():
            yield from page_files(f"commands/{name}", *future.result())


def page_files(path: str, markdown: str, pictures: Mapping[str, bytes]) -> Iterator[tuple[str, str | bytes]]:
    """Yield a page, and its pictures in a folder beside it that has the page's name."""
    yield f"{path}.md", move_pictures(markdown, pictures, path.rpartition("/")[2])
    for name, content in pictures.items():
        yield f"{path}/{name}", content


def results_page(readme: str) -> str:
    """Return the sections of the README from Results to More, as a page.

    Raises:
        ValueError: the README does not have these sections.
    """
    _, _, after = readme.partition("\n## Results\n")
    results, _, _ = after.partition("\n## More\n")
    if "\n## Speed\n" not in results:
        raise ValueError("README.md has no sections Results, Speed and More, in this order")
    return translate_links(f"# Results\n{results}", "README.md", "results.md")


def lessons_index() -> str:
    """Return the first page of the lessons."""
    rows = "\n".join(
        f"{number}. [{as_markdown(topic.title)}]({name}.md): {as_markdown(topic.summary)}"
        for number, (name, topic) in enumerate(TOPICS.items(), start=1)
    )
    return (
        "# Learn\n\n"
        "From one neuron's backward pass to the Diagonal BiLSTM, in small exact programs. Every number, table and "
        "picture of these pages was computed when they were built, by the code that they explain.\n\n"
        f"{rows}\n\n"
        "Each lesson is in the terminal too; `chainrule explain` lists them:\n\n"
        f"```console\n$ chainrule explain\n$ chainrule explain {next(iter(TOPICS))}\n```\n"
    )


def commands_index(names: list[str]) -> str:
    """Return the first page of the commands."""
    rows = "\n".join(f"- [`chainrule {name}`]({name}.md): {as_markdown(COMMANDS[name])}" for name in names)
    return (
        "# Commands\n\n"
        "Each command has a page. The commands on it were run when the page was built, and it shows what they "
        "printed.\n\n"
        f"{rows}\n\n"
        "`chainrule --help` lists the commands, and `chainrule train --help` the options of one of them.\n"
    )


@cache
def compute_lesson_page(name: str) -> ComputedPage:
    """Return a lesson, with links to the lessons that it names. While the site is served, it is computed once."""
    LOG.info("computing the lesson %s", name)
    page = compute_lesson(name)
    text = EXPLAIN_COMMAND.sub(
        lambda command: f"[{command[0]}]({command[1]}.md)" if command[1] in TOPICS else command[0], page.markdown()
    )
    command = f"```console\n$ chainrule explain {name} --out {name}\n```\n"
    return f"{text}\n---\n\nThe same in the terminal, with its pictures as files:\n\n{command}", page.pictures


@cache
def compute_command_page(markdown: str, name: str) -> ComputedPage:
    """Run the commands of a page. While the site is served, they run again only when the page changes."""
    LOG.info("running the commands of %s", name)
    with TemporaryDirectory() as folder:
        return run_page(markdown, Path(folder), f"{name}.md")


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Translate links, align tables, link names to the reference, and render formulas."""
    path = page.file.src_uri
    if path == HOME:
        page.meta["hide"] = ["navigation", "toc"]
    return render_formulas(reference.link_names(align_tables(translate_links(markdown, f"{DOCS}{path}", path))))
