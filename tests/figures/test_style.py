"""Figures are saved whole, and leave matplotlib's global state alone."""

from pathlib import Path

import pytest
from PIL import Image

import chainrule.figures
from chainrule.domains import Binary
from chainrule.errors import ChainruleError
from chainrule.figures import image_grid, likelihoods_figure, save_figure, save_image
from chainrule.inference import Evaluation
from tests.support.figures import draw

BITS = Binary((1, 5, 5))


def test_saving_overwrites_no_file_and_refuses_unknown_formats(tmp_path):
    picture, figure = image_grid(draw(BITS, n=1), BITS), likelihoods_figure({"a": Evaluation(1.0, 0.1, 9, 4)})
    (tmp_path / "there.png").write_text("mine")
    for save, made in ((save_image, picture), (save_figure, figure)):
        with pytest.raises(ChainruleError, match="exists and would be overwritten"):
            save(made, tmp_path / "there.png")
        with pytest.raises(ChainruleError, match=r"ends in no known .* format; .*\.png"):
            save(made, tmp_path / "grid.jpeg")
    assert (tmp_path / "there.png").read_text() == "mine"
    save_figure(figure, tmp_path / "figure.svg")
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    save_figure(figure, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as written:
        assert written.size[0] == 1400


def test_figures_use_no_global_state():
    for path in Path(chainrule.figures.__file__).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "pyplot" not in source
        assert "rcParams" not in source
