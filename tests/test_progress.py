"""Progress bars, and the `progress` argument of public functions."""

from __future__ import annotations

import pytest

from chainrule.progress import progress_bar, report_progress


def test_a_callback_is_called_itself(capsys):
    steps = []
    with report_progress(steps.append, "sampling", 3) as callback:
        callback(2)
        callback(1)
    assert steps == [2, 1]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("progress", [True, False])
def test_without_a_terminal_no_bar_is_shown(progress, capsys):
    with report_progress(progress, "sampling", 3) as callback:
        callback(3)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_shown_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes standard error for a terminal
    monkeypatch.setenv("COLUMNS", "120")
    with report_progress(True, "sampling", 4) as callback:
        callback(3)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "sampling" in printed.err
    assert "75%" in printed.err


@pytest.mark.parametrize("show", [True, False])
def test_a_printed_line_stays_unless_the_bar_is_hidden(show, capsys):
    with progress_bar("training", 2, show=show) as bar:
        bar.print("epoch 1/2 [red]")
        bar.note("epoch 2")
    assert capsys.readouterr() == ("", "epoch 1/2 [red]\n" if show else "")


def test_a_bar_calls_its_callback():
    steps = []
    with progress_bar("training", 2, show=False, callback=steps.append) as bar:
        bar()
        bar(3)
    assert steps == [1, 3]
