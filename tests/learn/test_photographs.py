"""Photographs and their patches."""

from __future__ import annotations

import pytest
import torch

from chainrule.errors import ChainruleError
from chainrule.learn.photographs import cut_patches, load_photograph


def test_patches_are_squares_of_the_image():
    picture = torch.arange(2 * 5 * 7).view(2, 5, 7)
    cut = cut_patches(picture, 2)
    assert cut.shape == (6, 2, 2, 2)
    assert torch.equal(cut[4], picture[:, 2:4, 2:4])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: load_photograph("temple"), "there are china, flower"),
        (lambda: cut_patches(torch.zeros(3, 4, 5), 5), "do not fit"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ChainruleError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
