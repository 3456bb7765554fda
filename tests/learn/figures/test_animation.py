"""Frames are what `savefig` would write, and an animation refuses what it cannot show."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from chainrule.figures import new_figure, style_axes
from chainrule.learn.figures.animation import FRAME_DPI, render_frame, to_gif


@pytest.mark.parametrize("layout", ["constrained", "none"])
def test_a_frame_equals_the_image_that_savefig_writes(layout):
    def figure():
        made = new_figure(2.0)
        style_axes(made.subplots(), "a title", "x", "y").plot([0, 3, 1])
        made.set_layout_engine(layout)
        return made

    file = BytesIO()
    figure().savefig(file, format="png", dpi=FRAME_DPI)
    frame = render_frame(figure())
    assert frame.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(frame), np.asarray(Image.open(file).convert("RGB")))


def test_frames_of_different_sizes_or_no_frames_are_refused():
    for frames in ([], [Image.new("RGB", (4, 3)), Image.new("RGB", (3, 4))]):
        with pytest.raises(ValueError, match="all of one size"):
            to_gif(frames, milliseconds=100)
