"""The photographs of the lessons, and square patches of them."""

from __future__ import annotations

import torch
from torch import Tensor

from chainrule.errors import ChainruleError

NAMES = ("china", "flower")


def load_photograph(name: str) -> Tensor:
    """Return one of the two photographs in scikit-learn, 8 bits a colour: uint8 [3, 427, 640].

    Args:
        name: `china`, a temple under a bright sky, or `flower`, a blossom in front of green.

    Raises:
        ChainruleError: another name.

    Example:
        >>> load_photograph("china").shape
        torch.Size([3, 427, 640])
    """
    if name not in NAMES:
        raise ChainruleError(f"there is no photograph {name!r}; there are {', '.join(NAMES)}")
    from sklearn.datasets import load_sample_image

    return torch.tensor(load_sample_image(f"{name}.jpg")).permute(2, 0, 1)


def cut_patches(image: Tensor, size: int) -> Tensor:
    """Cut an image [C, H, W] into squares that do not overlap, row by row: [n, C, size, size].

    Rows and columns that fill no whole square are dropped.

    Raises:
        ChainruleError: squares that are larger than the image.

    Example:
        >>> cut_patches(torch.arange(6).view(1, 2, 3), 1).flatten().tolist()
        [0, 1, 2, 3, 4, 5]
    """
    if not 1 <= size <= min(image.shape[1:]):
        raise ChainruleError(f"squares of {size} pixels do not fit into an image of shape {list(image.shape)}")
    squares = image.unfold(1, size, size).unfold(2, size, size)
    return squares.permute(1, 2, 0, 3, 4).reshape(-1, len(image), size, size)
