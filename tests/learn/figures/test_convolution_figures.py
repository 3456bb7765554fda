"""The frames of a moving kernel."""

from __future__ import annotations

import numpy as np

from chainrule.learn.figures.convolution_figures import draw_convolution_frames

IMAGE, KERNEL = np.arange(9).reshape(3, 3), np.arange(4).reshape(2, 2)


def test_every_output_has_a_frame_with_its_sum():
    frames = list(draw_convolution_frames(IMAGE.astype(float), KERNEL.astype(float)))
    assert [frame.texts[0].get_text() for frame in frames] == [
        "0·0 + 1·1 + 2·3 + 3·4 = 19",
        "0·1 + 1·2 + 2·4 + 3·5 = 25",
        "0·3 + 1·4 + 2·6 + 3·7 = 37",
        "0·4 + 1·5 + 2·7 + 3·8 = 43",
    ]
    outputs = [[text.get_text() for text in frame.axes[2].texts] for frame in frames]
    assert outputs == [["19"], ["19", "25"], ["19", "25", "37"], ["19", "25", "37", "43"]]
