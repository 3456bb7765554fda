"""Tests of the how-to pages: blocks run as in a shell, failures are named, and each command has a page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from chainrule.cli import COMMANDS
from chainrule.version import __version__
from tests.support.scripts import load_script

command_pages = load_script("website/command_pages.py")
BLOCK, PICTURE, CommandFailed, parse_commands, parse_status, run_page = (
    command_pages.BLOCK,
    command_pages.PICTURE,
    command_pages.CommandFailed,
    command_pages.parse_commands,
    command_pages.parse_status,
    command_pages.run_page,
)


PAGES = sorted((Path(__file__).parents[2] / "docs" / "commands").glob("*.md"))
MAKE_PICTURE = "$ printf 'a picture' > seen.png"


def make_page(*lines: str, options: str = "") -> str:
    return "\n".join([f"```console exec{options}", *lines, "```", ""])


def run(markdown: str, folder: Path) -> str:
    return run_page(markdown, folder, "page.md")[0]


def test_each_command_is_followed_by_its_output_on_both_streams_in_order(tmp_path):
    block = make_page("$ echo one; echo two >&2; echo 'three  '", "$ true", "$ echo \\", "    four")
    page = run(f"Before.\n\n{block}\nAfter.\n", tmp_path)
    shown = "$ echo one; echo two >&2; echo 'three  '\none\ntwo\nthree\n$ true\n$ echo \\\n    four\nfour\n"
    assert page == f"Before.\n\n```console\n{shown}```\n\nAfter.\n"


def test_the_commands_of_a_page_share_a_folder_whose_path_is_not_shown(tmp_path):
    page = run(
        make_page("$ echo said > file.txt", options=" hidden") + make_page("$ cat file.txt; echo $PWD/file.txt"),
        tmp_path,
    )
    assert page == "```console\n$ cat file.txt; echo $PWD/file.txt\nsaid\nfile.txt\n```\n"


def test_a_block_with_a_title_is_written_to_a_file_and_stays_as_it_is(tmp_path):
    block = '```python title="two.py"\nprint(2)\n```\n'
    assert run(block + make_page("$ python two.py"), tmp_path) == block + "```console\n$ python two.py\n2\n```\n"


def test_other_blocks_stay_as_they_are(tmp_path):
    plain = '```console\n$ exit 3\n```\n\n```python\nprint("exec")\n```\n\n```text title="no file"\n```\n'
    assert run(plain, tmp_path) == plain
    assert list(tmp_path.iterdir()) == []


def test_chainrule_is_that_of_this_checkout_in_100_columns_without_colours(tmp_path):
    page = run(make_page("$ chainrule --version", "$ echo $COLUMNS $NO_COLOR"), tmp_path)
    assert f"\nchainrule {__version__}\n" in page
    assert "\n100 1\n" in page


def test_pictures_are_those_that_the_page_shows_and_its_commands_made(tmp_path):
    (tmp_path / "before.png").write_text("of another page")
    (tmp_path / "page").mkdir()
    show = "![one](seen.png) ![two](../before.png) ![three](missing.png) [four](seen.png)"
    page, pictures = run_page(make_page(MAKE_PICTURE, "$ touch not-shown.png") + show, tmp_path / "page", "page.md")
    assert page.endswith(show)
    assert pictures == {"seen.png": b"a picture"}


def test_a_command_that_fails_names_the_page_the_command_and_its_output(tmp_path):
    with pytest.raises(CommandFailed, match=r"page\.md: `echo why; exit 3` ended with status 3, not 0:\nwhy"):
        run(make_page("$ true", "$ echo why; exit 3"), tmp_path)


def test_the_last_command_must_end_with_the_declared_status(tmp_path):
    assert run(make_page("$ true", "$ exit 2", options=" status=2"), tmp_path) == "```console\n$ true\n$ exit 2\n```\n"
    with pytest.raises(CommandFailed, match="`true` ended with status 0, not 2"):
        run(make_page("$ true", options=" status=2"), tmp_path)
    with pytest.raises(CommandFailed, match="`exit 2` ended with status 2, not 0"):
        run(make_page("$ exit 2", "$ exit 2", options=" status=2"), tmp_path)


def test_a_failure_in_a_pipe_is_a_failure_but_a_closed_pipe_is_not(tmp_path):
    with pytest.raises(CommandFailed, match="status 3"):
        run(make_page("$ exit 3 | cat"), tmp_path)
    assert run(make_page("$ (exit 141) | head -n 1"), tmp_path).startswith("```console")


def test_a_block_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"page\.md: a line .* must begin with '\$ ', not 'echo'"):
        run(make_page("echo"), tmp_path)
    with pytest.raises(ValueError, match=r"page\.md: .* takes hidden and status=N, not 'statsu=2'"):
        run(make_page("$ true", options=" statsu=2"), tmp_path)


def test_each_command_has_a_page():
    assert sorted(each.stem for each in PAGES) == sorted(COMMANDS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_all_options_and_an_error(path):
    blocks = [
        block for block in BLOCK.finditer(path.read_text(encoding="utf-8")) if block["options"].startswith("exec")
    ]
    commands = {command for block in blocks for command in parse_commands(block["body"], path.name)}
    assert any(re.fullmatch(rf"chainrule {path.stem}( \w[\w-]*)? --help", command) for command in commands)
    assert 2 in {parse_status(block["options"].split()[1:], path.name) for block in blocks}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_only_pictures_that_its_commands_make(path):
    markdown = path.read_text(encoding="utf-8")
    commands = " ".join(block["body"] for block in BLOCK.finditer(markdown))
    shown = PICTURE.findall(markdown)
    assert max(Counter(shown).values(), default=1) == 1
    assert all(picture.split("/")[0] in commands for picture in shown)
