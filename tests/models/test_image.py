"""The orders of PixelCNN and PixelRNN."""

from __future__ import annotations

import pytest

import chainrule as cr


def test_the_order_of_an_image_must_go_line_by_line():
    with pytest.raises(cr.ChainruleError, match="from top, bottom, left or right, not in 'up'"):
        cr.PixelCNN(cr.Binary((1, 2, 2)), order="up")
    with pytest.raises(cr.ChainruleError, match="not in the one given"):
        cr.PixelRNN(cr.Binary((1, 2, 2)), order=(3, 0, 1, 2))
