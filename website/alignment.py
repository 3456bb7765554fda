"""Tables: columns of numbers are set to the right, whatever the Markdown says of them."""

from __future__ import annotations

import re
from functools import partial

from prose import outside_blocks

TABLE = re.compile(r"(?:^\|.*\|[ ]*\n){2,}", re.MULTILINE)
RULE = re.compile(r":?-+:?")
CELLS = re.compile(r"(?<!\\)\|")
NUMBER = re.compile(r"(?=.*\d)[-−+±\d\s.,()]+(×|%|m?s|min|[KMG]?B|passes)?")
NOTHING = {"", "–"}


def aligned(markdown: str) -> str:
    """The page with `--:` under the head of each column of numbers that its author left as `---`.

    Example:
        >>> print(aligned("| model | nats |\\n|---|---|\\n| MADE | **90.18 ± 0.23** |\\n"))
        | model | nats |
        |---|--:|
        | MADE | **90.18 ± 0.23** |
        <BLANKLINE>
    """
    return outside_blocks(markdown, partial(TABLE.sub, lambda table: _aligned(table[0])))


def _aligned(table: str) -> str:
    head, rule, *rows = table.splitlines()
    rules = _cells(rule)
    if not all(map(RULE.fullmatch, rules)) or not rows:
        return table
    columns = zip(*map(_cells, rows), strict=False)
    set_right = [
        "--:" if ":" not in each and numbers(column) else each for each, column in zip(rules, columns, strict=True)
    ]
    return "\n".join([head, f"|{'|'.join(set_right)}|", *rows, ""])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in CELLS.split(line.strip())[1:-1]]


def numbers(cells: tuple[str, ...]) -> bool:
    """Is each of them a number, with its error or unit, or a dash; and not all of them a dash?"""
    told = [cell.strip("*") for cell in cells if cell not in NOTHING]
    return bool(told) and all(map(NUMBER.fullmatch, told))
