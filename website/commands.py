"""How-to pages show what commands print: this runs them, in a shell, when the documentation is built.

Three kinds of fenced blocks mean something here:

- ```` ```console exec ````: lines `$ command`, which go on where they end with a backslash. They are run and shown with
  what they printed. `status=2` says that the last command is to end with that exit status; of all others it is 0.
- ```` ```console exec hidden ````: run, and not shown.
- ```` ```python title="model.py" ````, or another language: written to a file of that name, for commands that follow.

In plain Markdown these are commands, without what they print, and files.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(?P<language>\w+) (?P<words>[^\n]+)\n(?P<body>.*?)^```\n", re.MULTILINE | re.DOTALL)
STATUS, TITLE = re.compile(r"status=(\d+)"), re.compile(r'title="([\w.-]+)"')
PROMPT, CONTINUED = "$ ", "\\"
SHOWN = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
SHELL = 'set -o pipefail; unset FORCE_COLOR; chainrule() { python -m chainrule "$@"; };'
"""Begins each command: the `chainrule` of this checkout, be it installed or not."""
CLOSED = 141
"""The status of a command whose reader has closed the pipe, as `head` does: nothing is wrong."""
COLUMNS = 100


class CommandFailed(RuntimeError):
    """A command of a page did not end as the page says."""


def executed(markdown: str, folder: Path, name: str) -> tuple[str, dict[str, bytes]]:
    """The page with what its commands print, once they have been run from top to bottom.

    Args:
        markdown: the page.
        folder: an existing folder, in which the commands run and leave what they make.
        name: of the page, for messages.

    Returns:
        The page, and the pictures that it shows of those that the commands made, by the paths that it has for them.

    Raises:
        CommandFailed: a command ended with another status than the page says.
        ValueError: a block that cannot be read.

    Example:
        >>> from tempfile import mkdtemp
        >>> page = "```console exec\\n$ echo one\\n$ echo two\\n```\\n"
        >>> print(executed(page, Path(mkdtemp()), "numbers.md")[0], end="")
        ```console
        $ echo one
        one
        $ echo two
        two
        ```
    """
    page = FENCE.sub(partial(carry_out, folder=folder, name=name), markdown)
    return page, pictures_in(page, folder)


def carry_out(block: re.Match[str], folder: Path, name: str) -> str:
    """What stands in the place of a block, once what it asks for is done."""
    words = block["words"].split()
    if block["language"] == "console" and words[0] == "exec":
        shown = "".join(run_all(commands_in(block["body"], name), status_in(words[1:], name), folder, name))
        return "" if "hidden" in words else f"```console\n{shown}```\n"
    title = TITLE.search(block["words"])
    if title:
        (folder / title[1]).write_text(block["body"], encoding="utf-8")
    return block[0]


def status_in(words: list[str], name: str) -> int:
    """The status with which the last command is to end.

    Raises:
        ValueError: a word that means nothing.
    """
    status = 0
    for word in words:
        found = STATUS.fullmatch(word)
        if not found and word != "hidden":
            raise ValueError(f"{name}: a block `console exec` takes hidden and status=N, not {word!r}")
        status = int(found[1]) if found else status
    return status


def commands_in(body: str, name: str) -> list[str]:
    """The commands of a block, without their prompts, as they stand.

    Raises:
        ValueError: a line that is none.

    Example:
        >>> commands_in("$ echo one \\\\\\n    two\\n$ echo three\\n", "numbers.md")
        ['echo one \\\\\\n    two', 'echo three']
    """
    commands: list[str] = []
    for line in body.splitlines():
        if commands and commands[-1].endswith(CONTINUED):
            commands[-1] += f"\n{line}"
        elif line.startswith(PROMPT):
            commands.append(line.removeprefix(PROMPT))
        else:
            raise ValueError(f"{name}: a line of a block `console exec` must begin with {PROMPT!r}, not {line!r}")
    return commands


def run_all(commands: list[str], status: int, folder: Path, name: str) -> list[str]:
    """Each command and what it printed, as a terminal shows them."""
    expected = [0] * (len(commands) - 1) + [status]
    return [
        f"{PROMPT}{command}\n{run(command, each, folder, name)}"
        for command, each in zip(commands, expected, strict=True)
    ]


def run(command: str, status: int, folder: Path, name: str) -> str:
    """What a command prints on both streams, whole lines, without the path of the folder.

    Raises:
        CommandFailed: it ended with another status.
    """
    done = subprocess.run(
        ["bash", "-c", f"{SHELL}\n{command}"], cwd=folder, env=surroundings(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
    )  # fmt: skip
    ended = 0 if done.returncode == CLOSED else done.returncode
    if ended != status:
        raise CommandFailed(f"{name}: `{command}` ended with status {ended}, not {status}:\n{done.stdout}")
    lines = done.stdout.replace(f"{folder.resolve()}{os.sep}", "").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def surroundings() -> dict[str, str]:
    """The environment of the commands: this Python, this checkout, a terminal of so many columns without colours."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    said = {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}  # so that both streams keep their order
    said["OMP_NUM_THREADS"] = "1"  # the commands of several pages run at once
    return os.environ | said | {"COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "dumb"}


def pictures_in(page: str, folder: Path) -> dict[str, bytes]:
    """The pictures that a page shows and that lie in the folder, by the paths that the page has for them."""
    inside = folder.resolve()
    places = {path: (inside / path).resolve() for path in SHOWN.findall(page)}
    return {
        path: place.read_bytes() for path, place in places.items() if place.is_relative_to(inside) and place.is_file()
    }
