"""The tables of trained models fit a terminal, and format negative numbers and missing errors."""

import io
import math

from rich.console import Console

from chainrule.formatting import with_error
from chainrule.reports.demo.demo_report import COLUMNS
from chainrule.reports.trained_model import terminal_table


def test_the_widest_table_fits_a_terminal_without_broken_lines():
    row = ("Diagonal BiLSTM", "1234.56 ± 10.12", "0.5627 ± 0.0053", "10,049,700", "12345.6")
    console = Console(width=80, file=io.StringIO())
    console.print(terminal_table("gray digits", COLUMNS, [row]))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) < 80
    assert [cell.strip() for cell in lines[2].strip("┃").split("┃")] == list(COLUMNS)
    assert [cell.strip() for cell in lines[4].strip("│").split("│")] == list(row)


def test_a_negative_mean_has_a_minus_sign():
    assert (with_error(-0.128, 0.5, 2), with_error(3.0, math.nan, 1)) == ("−0.13 ± 0.50", "3.0 ± –")
