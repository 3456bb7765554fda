"""Every lesson can be computed: its text, its numbers, and its figures."""

from __future__ import annotations

from io import BytesIO, StringIO

import pytest
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

from chainrule.errors import ChainruleError
from chainrule.learn import TOPICS, compute_lesson


@pytest.mark.parametrize("name", TOPICS)
def test_a_lesson_reports_its_progress_and_has_a_page(name):
    fractions = []
    page = compute_lesson(name, progress=lambda fraction, suffix="": fractions.append(fraction))
    assert page.title == TOPICS[name].title
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    shown = Console(file=StringIO(), width=80)
    page.show(shown)
    assert max(map(cell_len, shown.file.getvalue().splitlines())) <= 80
    for file, picture in page.pictures.items():
        assert f"]({file})" in page.markdown()
        with Image.open(BytesIO(picture)) as image:
            assert min(image.size) >= 100
            assert image.format == ("GIF" if file.endswith(".gif") else "PNG")
    assert bool(page.pictures) == (name != "formulas")


def test_an_unknown_topic_is_refused():
    with pytest.raises(ChainruleError, match="no topic 'nothing'; there are autoregression, backprop"):
        compute_lesson("nothing")
