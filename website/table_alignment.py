"""Alignment of tables: columns of numbers go to the right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from markdown_code import change_outside_blocks

TABLE = re.compile(r"(?:^\|.*\|[ ]*\n){2,}", re.MULTILINE)
ALIGNMENT = re.compile(r":?-+:?")
COLUMN_BORDER = re.compile(r"(?<!\\)\|")
NUMBER = re.compile(r"(?=.*\d)[-−+±\d\s.,()]+(×|%|m?s|min|[KMG]?B|passes)?")
NO_VALUE = {"", "–"}


def align_tables(markdown: str) -> str:
    """Return the page with `--:` for each column of numbers whose alignment its author left open, as `---`.

    Example:
        >>> print(align_tables("| model | nats |\\n|---|---|\\n| MADE | **90.18 ± 0.23** |\\n"))
        | model | nats |
        |---|--:|
        | MADE | **90.18 ± 0.23** |
        <BLANKLINE>
    """
    return change_outside_blocks(markdown, partial(TABLE.sub, lambda table: _align_table(table[0])))


def _align_table(table: str) -> str:
    header, rule, *rows = table.splitlines()
    alignments = _split_cells(rule)
    if not all(map(ALIGNMENT.fullmatch, alignments)) or not rows:
        return table
    columns = zip(*map(_split_cells, rows), strict=False)
    aligned = [
        "--:" if ":" not in alignment and are_numbers(column) else alignment
        for alignment, column in zip(alignments, columns, strict=True)
    ]
    return "\n".join([header, f"|{'|'.join(aligned)}|", *rows, ""])


def _split_cells(line: str) -> list[str]:
    return [cell.strip() for cell in COLUMN_BORDER.split(line.strip())[1:-1]]


def are_numbers(cells: Sequence[str]) -> bool:
    """Return whether each cell is a number, with its error or unit, or a dash, and at least one is a number."""
    values = [cell.strip("*") for cell in cells if cell not in NO_VALUE]
    return bool(values) and all(map(NUMBER.fullmatch, values))
