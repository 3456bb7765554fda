"""The how-to pages: their blocks are run as a shell does, what fails is told, and each command has its page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from chainrule.cli import COMMANDS
from chainrule.version import __version__
from tests.support.scripts import script

commands = script("website/commands.py")
FENCE, SHOWN, CommandFailed, commands_in, executed, status_in = (
    commands.FENCE,
    commands.SHOWN,
    commands.CommandFailed,
    commands.commands_in,
    commands.executed,
    commands.status_in,
)


PAGES = sorted((Path(__file__).parents[2] / "docs" / "commands").glob("*.md"))
PICTURE = "$ printf 'a picture' > seen.png"


def page(*lines: str, words: str = "") -> str:
    return "\n".join([f"```console exec{words}", *lines, "```", ""])


def ran(markdown: str, folder: Path) -> str:
    return executed(markdown, folder, "page.md")[0]


def test_each_command_is_followed_by_what_it_printed_on_both_streams_in_their_order(tmp_path):
    block = page("$ echo one; echo two >&2; echo 'three  '", "$ true", "$ echo \\", "    four")
    told = ran(f"Before.\n\n{block}\nAfter.\n", tmp_path)
    shown = "$ echo one; echo two >&2; echo 'three  '\none\ntwo\nthree\n$ true\n$ echo \\\n    four\nfour\n"
    assert told == f"Before.\n\n```console\n{shown}```\n\nAfter.\n"


def test_the_commands_of_a_page_share_a_folder_and_no_path_of_it_is_told(tmp_path):
    told = ran(page("$ echo said > file.txt", words=" hidden") + page("$ cat file.txt; echo $PWD/file.txt"), tmp_path)
    assert told == "```console\n$ cat file.txt; echo $PWD/file.txt\nsaid\nfile.txt\n```\n"


def test_a_block_with_a_title_is_a_file_and_stays_as_it_is(tmp_path):
    block = '```python title="two.py"\nprint(2)\n```\n'
    assert ran(block + page("$ python two.py"), tmp_path) == block + "```console\n$ python two.py\n2\n```\n"


def test_other_blocks_are_left_alone(tmp_path):
    plain = '```console\n$ exit 3\n```\n\n```python\nprint("exec")\n```\n\n```text title="no file"\n```\n'
    assert ran(plain, tmp_path) == plain
    assert list(tmp_path.iterdir()) == []


def test_the_command_is_that_of_this_checkout_in_100_columns_without_colours(tmp_path):
    told = ran(page("$ chainrule --version", "$ echo $COLUMNS $NO_COLOR"), tmp_path)
    assert f"\nchainrule {__version__}\n" in told
    assert "\n100 1\n" in told


def test_pictures_are_those_that_the_page_shows_and_the_commands_made(tmp_path):
    (tmp_path / "before.png").write_text("of another page")
    (tmp_path / "page").mkdir()
    show = "![one](seen.png) ![two](../before.png) ![three](missing.png) [four](seen.png)"
    told, pictures = executed(page(PICTURE, "$ touch not-shown.png") + show, tmp_path / "page", "page.md")
    assert told.endswith(show)
    assert pictures == {"seen.png": b"a picture"}


def test_a_command_that_fails_names_the_page_the_command_and_its_output(tmp_path):
    with pytest.raises(CommandFailed, match=r"page\.md: `echo why; exit 3` ended with status 3, not 0:\nwhy"):
        ran(page("$ true", "$ echo why; exit 3"), tmp_path)


def test_the_last_command_ends_as_declared(tmp_path):
    assert ran(page("$ true", "$ exit 2", words=" status=2"), tmp_path) == "```console\n$ true\n$ exit 2\n```\n"
    with pytest.raises(CommandFailed, match="`true` ended with status 0, not 2"):
        ran(page("$ true", words=" status=2"), tmp_path)
    with pytest.raises(CommandFailed, match="`exit 2` ended with status 2, not 0"):
        ran(page("$ exit 2", "$ exit 2", words=" status=2"), tmp_path)


def test_a_failure_within_a_pipe_is_one_but_a_closed_pipe_is_not(tmp_path):
    with pytest.raises(CommandFailed, match="status 3"):
        ran(page("$ exit 3 | cat"), tmp_path)
    assert ran(page("$ (exit 141) | head -n 1"), tmp_path).startswith("```console")


def test_blocks_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"page\.md: a line .* must begin with '\$ ', not 'echo'"):
        ran(page("echo"), tmp_path)
    with pytest.raises(ValueError, match=r"page\.md: .* takes hidden and status=N, not 'statsu=2'"):
        ran(page("$ true", words=" statsu=2"), tmp_path)


def test_each_command_has_a_page():
    assert sorted(each.stem for each in PAGES) == sorted(COMMANDS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_can_be_read_and_tells_all_options_and_a_refusal(path):
    blocks = [block for block in FENCE.finditer(path.read_text(encoding="utf-8")) if block["words"].startswith("exec")]
    told = {command for block in blocks for command in commands_in(block["body"], path.name)}
    assert any(re.fullmatch(rf"chainrule {path.stem}( \w[\w-]*)? --help", command) for command in told)
    assert 2 in {status_in(block["words"].split()[1:], path.name) for block in blocks}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_only_pictures_that_its_commands_make(path):
    markdown = path.read_text(encoding="utf-8")
    commands = " ".join(block["body"] for block in FENCE.finditer(markdown))
    shown = SHOWN.findall(markdown)
    assert max(Counter(shown).values(), default=1) == 1
    assert all(place.split("/")[0] in commands for place in shown)
