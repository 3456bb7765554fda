"""`chainrule explain`: the topics, a lesson in the terminal, and what --out writes."""

from __future__ import annotations

import pytest
from PIL import Image

from chainrule.commands import explain
from chainrule.figures import to_png
from chainrule.learn import TOPICS
from chainrule.reports import Page
from tests.support.processes import in_a_new_process
from tests.support.terminal import commands

DOT = to_png(Image.new("L", (3, 2), 7))


@pytest.fixture
def cli(tmp_path, capsys, monkeypatch):
    return commands(tmp_path, capsys, monkeypatch)


@pytest.fixture
def fast_lesson(monkeypatch):
    """Replace the lessons by one with a picture that takes no time."""

    def compute_lesson(name, progress):
        page = Page(f"about {name}")
        page.figure(DOT, "a dot", "a dot, seen", "dot.png")
        progress(1.0)
        return page

    monkeypatch.setattr(explain, "compute_lesson", compute_lesson)


def test_without_a_topic_all_topics_are_listed(cli):
    status, out, _ = cli("explain")
    assert status == 0
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ") and line[2] not in " "]
    assert listed == ["topic", *TOPICS]


def test_the_list_needs_no_torch():
    code = "import sys; from chainrule.cli import main; main(['explain']); print('torch' in sys.modules)"
    assert in_a_new_process(code).endswith("\nFalse\n")


def test_a_lesson_is_shown(cli):
    status, out, err = cli("explain", "formulas")
    assert (status, err) == (0, "")
    assert out.startswith("All formulas\n")
    assert "    z₁ = a₀ w₁ + b₁" in out
    assert "--out" not in out  # there are no pictures


def test_pictures_are_named_and_saved_on_demand(cli, fast_lesson, tmp_path):
    status, out, _ = cli("explain", "masks")
    assert status == 0
    assert "[dot.png] a dot" in out
    assert "--out FOLDER saves the page with its pictures: dot.png" in out
    assert not list(tmp_path.iterdir())
    status, out, _ = cli("explain", "masks", "--out", "new")
    assert status == 0
    assert out.endswith("The page with its pictures: new/index.html\n")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"dot.png", "index.html"}
    assert (tmp_path / "new" / "dot.png").read_bytes() == DOT
    assert "about masks" in (tmp_path / "new" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "topic"),
    [
        ("autoencoder", "autoencoders"),
        ("mask", "masks"),
        ("Masks", "masks"),
        ("conv", "convolution"),
        ("convolutions", "convolution"),
        ("recurence", "recurrence"),
        ("lstm", "recurrence"),
        ("RowLSTM", "recurrence"),
        ("pixelcnn", "convolution"),
        ("made", "masks"),
        ("missing", "orders"),
        ("backpropagation", "backprop"),
    ],
)
def test_a_similar_word_shows_the_topic_and_says_so(cli, fast_lesson, word, topic):
    status, out, err = cli("explain", word)
    assert (status, err) == (0, f"showing '{topic}'\n")
    assert out.startswith(f"about {topic}\n")


@pytest.mark.parametrize("name", TOPICS)
def test_the_exact_name_shows_the_topic_without_a_message(cli, fast_lesson, name):
    status, out, err = cli("explain", name)
    assert (status, err) == (0, "")
    assert out.startswith(f"about {name}\n")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("auto", "'auto' fits several topics: autoregression, autoencoders; name one of them"),
        ("gradient", "'gradient' fits several topics: backprop, recurrence; name one of them"),
        ("attention", "there is no topic 'attention'; the nearest are "),
        ("xyz", f"there is no topic 'xyz'; there are {', '.join(TOPICS)}"),
        ("", f"there is no topic ''; there are {', '.join(TOPICS)}"),
    ],
)
def test_a_word_for_several_topics_or_none_is_an_error_in_one_line(cli, monkeypatch, word, message):
    monkeypatch.setattr(explain, "compute_lesson", None)  # the error comes before any computation
    status, out, err = cli("explain", word)
    assert (status, out) == (2, "")
    assert err.startswith(f"chainrule: error: {message}")
    assert err.count("\n") == 1


def test_the_nearest_topics_are_named(cli):
    _, _, err = cli("explain", "attention")
    nearest = err.strip().partition("the nearest are ")[2].split(", ")
    assert 1 <= len(nearest) <= 3
    assert set(nearest) <= set(TOPICS)


def test_an_existing_folder_is_not_overwritten(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(explain, "compute_lesson", None)  # the error comes before any computation
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mine").write_text("kept")
    status, _, err = cli("explain", "masks", "--out", "old")
    assert status == 2
    assert "old exists" in err
    assert (tmp_path / "old" / "mine").read_text() == "kept"


def test_out_without_a_topic_is_one_line(cli, tmp_path):
    status, out, err = cli("explain", "--out", "new")
    assert (status, out) == (2, "")
    assert err == "chainrule: error: --out saves the page of a topic; name a topic before it\n"
    assert not list(tmp_path.iterdir())
