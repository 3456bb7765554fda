"""Run the commands of how-to pages and set in their output, in a shell, when the site is built.

Three kinds of fenced blocks have a meaning:

- ```` ```console exec ````: lines `$ command`, which continue on the next line after a backslash. The commands are run,
  and shown with what they print. With `status=2` the last command must end with exit status 2, all others with 0.
- ```` ```console exec hidden ````: commands that are run and not shown.
- ```` ```python title="model.py" ````, or another language: a file of that name, for the commands that follow.

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
BLOCK = re.compile(r"^```(?P<language>\w+) (?P<options>[^\n]+)\n(?P<body>.*?)^```\n", re.MULTILINE | re.DOTALL)
STATUS, TITLE = re.compile(r"status=(\d+)"), re.compile(r'title="([\w.-]+)"')
PROMPT, CONTINUATION = "$ ", "\\"
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
PREAMBLE = 'set -o pipefail; unset FORCE_COLOR; chainrule() { python -m chainrule "$@"; };'
"""The start of each command: `chainrule` is that of this checkout, whether it is installed or not."""
BROKEN_PIPE = 141
"""The exit status of a command whose reader has closed the pipe, as `head` does; it is no failure."""
COLUMNS = 100


class CommandFailed(RuntimeError):
    """A command of a page ended with another status than the page says."""


def run_page(markdown: str, folder: Path, name: str) -> tuple[str, dict[str, bytes]]:
    """Run the commands of a page from top to bottom, and return the page with what they print.

    Args:
        markdown: the page.
        folder: an existing folder, in which the commands run and write their files.
        name: the name of the page, for messages.

    Returns:
        the page, and those of the pictures that it shows that its commands have made, by their paths on the page.

    Raises:
        CommandFailed: a command ended with another status than the page says.
        ValueError: a block that cannot be read.

    Example:
        >>> from tempfile import mkdtemp
        >>> page = "```console exec\\n$ echo one\\n$ echo two\\n```\\n"
        >>> print(run_page(page, Path(mkdtemp()), "numbers.md")[0], end="")
        ```console
        $ echo one
        one
        $ echo two
        two
        ```
    """
    page = BLOCK.sub(partial(replace_block, folder=folder, name=name), markdown)
    return page, read_pictures(page, folder)


def replace_block(block: re.Match[str], folder: Path, name: str) -> str:
    """Run the commands of a block or write its file, and return what the page shows in its place."""
    options = block["options"].split()
    if block["language"] == "console" and options[0] == "exec":
        commands, status = parse_commands(block["body"], name), parse_status(options[1:], name)
        shown = "".join(run_commands(commands, status, folder, name))
        return "" if "hidden" in options else f"```console\n{shown}```\n"
    title = TITLE.search(block["options"])
    if title:
        (folder / title[1]).write_text(block["body"], encoding="utf-8")
    return block[0]


def parse_status(options: list[str], name: str) -> int:
    """Return the exit status with which the last command of a block must end.

    Raises:
        ValueError: an unknown option.
    """
    status = 0
    for option in options:
        match = STATUS.fullmatch(option)
        if not match and option != "hidden":
            raise ValueError(f"{name}: a block `console exec` takes hidden and status=N, not {option!r}")
        status = int(match[1]) if match else status
    return status


def parse_commands(body: str, name: str) -> list[str]:
    """Return the commands of a block, without their prompts.

    Raises:
        ValueError: a line that does not begin with a prompt and continues no command.

    Example:
        >>> parse_commands("$ echo one \\\\\\n    two\\n$ echo three\\n", "numbers.md")
        ['echo one \\\\\\n    two', 'echo three']
    """
    commands: list[str] = []
    for line in body.splitlines():
        if commands and commands[-1].endswith(CONTINUATION):
            commands[-1] += f"\n{line}"
        elif line.startswith(PROMPT):
            commands.append(line.removeprefix(PROMPT))
        else:
            raise ValueError(f"{name}: a line of a block `console exec` must begin with {PROMPT!r}, not {line!r}")
    return commands


def run_commands(commands: list[str], status: int, folder: Path, name: str) -> list[str]:
    """Run commands, and return each with what it printed, as a terminal shows them."""
    statuses = [0] * (len(commands) - 1) + [status]
    return [
        f"{PROMPT}{command}\n{run_command(command, expected, folder, name)}"
        for command, expected in zip(commands, statuses, strict=True)
    ]


def run_command(command: str, status: int, folder: Path, name: str) -> str:
    """Run a command, and return what it prints on both streams, without the path of the folder.

    Raises:
        CommandFailed: it ended with another status.
    """
    result = subprocess.run(
        ["bash", "-c", f"{PREAMBLE}\n{command}"], cwd=folder, env=make_environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
    )  # fmt: skip
    ended = 0 if result.returncode == BROKEN_PIPE else result.returncode
    if ended != status:
        raise CommandFailed(f"{name}: `{command}` ended with status {ended}, not {status}:\n{result.stdout}")
    lines = result.stdout.replace(f"{folder.resolve()}{os.sep}", "").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def make_environment() -> dict[str, str]:
    """Return the environment of the commands: this Python, this checkout, and a terminal without colours."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {"PATH": path, "PYTHONPATH": str(ROOT)}
    variables["PYTHONUNBUFFERED"] = "1"  # both streams keep their order
    variables["OMP_NUM_THREADS"] = "1"  # the commands of several pages run at once
    return os.environ | variables | {"COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "dumb"}


def read_pictures(page: str, folder: Path) -> dict[str, bytes]:
    """Return the pictures that a page shows and that are in the folder, by their paths on the page."""
    root = folder.resolve()
    files = {path: (root / path).resolve() for path in PICTURE.findall(page)}
    return {path: file.read_bytes() for path, file in files.items() if file.is_relative_to(root) and file.is_file()}
