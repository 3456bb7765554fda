"""`chainrule explain`: the topics, a lesson in the terminal, and what --out writes."""

from __future__ import annotations

import pytest
from PIL import Image
from tests.test_public import in_a_new_process

from chainrule.commands import explain
from chainrule.figures import to_png
from chainrule.learn import TOPICS
from chainrule.reports import Page
from tests.support.terminal import commands

DOT = to_png(Image.new("L", (3, 2), 7))


@pytest.fixture
def cli(tmp_path, capsys, monkeypatch):
    return commands(tmp_path, capsys, monkeypatch)


@pytest.fixture
def drawn(monkeypatch):
    """A lesson that takes no time and has a picture."""

    def lesson(name, tell):
        page = Page(f"about {name}")
        page.figure(DOT, "a dot", "a dot, seen", "dot.png")
        tell(1.0)
        return page

    monkeypatch.setattr(explain, "lesson", lesson)


def test_without_a_topic_all_are_listed(cli):
    status, out, _ = cli("explain")
    assert status == 0
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ") and line[2] not in " "]
    assert listed == ["topic", *TOPICS]


def test_the_list_needs_no_torch():
    code = "import sys; from chainrule.cli import main; main(['explain']); print('torch' in sys.modules)"
    assert in_a_new_process(code).endswith("\nFalse\n")


def test_a_lesson_is_told(cli):
    status, out, err = cli("explain", "formulas")
    assert (status, err) == (0, "")
    assert out.startswith("All formulas\n")
    assert "    z₁ = a₀ w₁ + b₁" in out
    assert "--out" not in out  # there are no pictures


def test_pictures_are_named_and_saved_on_demand(cli, drawn, tmp_path):
    status, out, _ = cli("explain", "masks")
    assert status == 0
    assert "[dot.png] a dot" in out
    assert "--out FOLDER saves the pictures, and a page with all of it: dot.png" in out
    assert not list(tmp_path.iterdir())
    status, out, _ = cli("explain", "masks", "--out", "new")
    assert status == 0
    assert out.endswith("All of it: new/index.html\n")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"dot.png", "index.html"}
    assert (tmp_path / "new" / "dot.png").read_bytes() == DOT
    assert "about masks" in (tmp_path / "new" / "index.html").read_text(encoding="utf-8")


def test_a_topic_that_is_not_there_is_one_line(cli):
    status, out, err = cli("explain", "attention")
    assert (status, out) == (2, "")
    assert err == f"chainrule: error: there is no topic 'attention'; there are {', '.join(TOPICS)}\n"


def test_a_folder_that_is_there_is_not_overwritten(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(explain, "lesson", None)  # found out before anything is computed
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mine").write_text("kept")
    status, _, err = cli("explain", "masks", "--out", "old")
    assert status == 2
    assert "old exists" in err
    assert (tmp_path / "old" / "mine").read_text() == "kept"


def test_out_without_a_topic_is_one_line(cli, tmp_path):
    status, out, err = cli("explain", "--out", "new")
    assert (status, out) == (2, "")
    assert err == "chainrule: error: --out is for the pictures of a topic; name one before it\n"
    assert not list(tmp_path.iterdir())
