"""Every lesson can be computed: its text, its numbers, and its figures."""

from __future__ import annotations

import re
from functools import cache
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

import chainrule
from chainrule.errors import ChainruleError
from chainrule.learn import TOPICS, compute_lesson

UNDERSCORED = re.compile(r"`(\w*_\w+)`")
PLACEHOLDER = re.compile(r"\{[a-z]\w+[.(:}\[]")
FENCED = re.compile(r"^```.*?^```$|^\$\$.*?^\$\$$", re.DOTALL | re.MULTILINE)


@cache
def defined_names() -> set[str]:
    """Return the names of all functions, methods, arguments and variables with an underscore in the package."""
    files = Path(chainrule.__file__).parent.rglob("*.py")
    return {name for file in files for name in re.findall(r"\b\w*_\w+\b(?=[(:=,]| =)", file.read_text("utf-8"))}


@pytest.mark.parametrize("name", TOPICS)
def test_a_lesson_reports_its_progress_and_has_a_page(name):
    fractions = []
    page = compute_lesson(name, progress=lambda fraction, suffix="": fractions.append(fraction))
    assert page.title == TOPICS[name].title
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    for width in (80, 100):
        shown = Console(file=StringIO(), width=width)
        page.show(shown)
        assert max(map(cell_len, shown.file.getvalue().splitlines())) <= width
    text = FENCED.sub("", page.markdown())
    assert set(UNDERSCORED.findall(text)) <= defined_names()
    assert not PLACEHOLDER.search(text)
    for file, picture in page.pictures.items():
        assert f"]({file})" in page.markdown()
        with Image.open(BytesIO(picture)) as image:
            assert min(image.size) >= 100
            assert image.format == ("GIF" if file.endswith(".gif") else "PNG")
    assert bool(page.pictures) == (name != "formulas")


def test_an_unknown_topic_is_refused():
    with pytest.raises(ChainruleError, match="no topic 'nothing'; there are autoregression, backprop"):
        compute_lesson("nothing")
