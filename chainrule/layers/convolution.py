"""The masked convolution of PixelCNN and PixelRNN."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.layers.masks import convolution_mask
from chainrule.layers.receptive_field import colour_taps, convolution_field
from chainrule.layers.weights import he_init, masked_weight


def add_position_bias(features: Tensor, position: Tensor | None) -> Tensor:
    """Add a bias by feature and position [C, H, W] to a map [n, C, H, W], where there is one.

    The map becomes channels last, so that the 1×1 convolutions that follow are plain matrix products.
    """
    features = features.contiguous(memory_format=torch.channels_last)
    return features if position is None else features + position.to(features.dtype)  # keeps the dtype under autocast


class MaskedConv2d(nn.Module):
    """Convolve over the pixels before each pixel, and at the pixel itself over the colours that its mask allows.

    Source: PixelRNN (arXiv:1601.06759), section 3.4.

    Args:
        in_groups, out_groups: the colour of each input and output feature, int64 [features].
        kernel_size: an odd number.
        mask_type: "A" for the first layer, "B" for all other layers.
        generator: draws the weights.

    Example:
        >>> gray = torch.zeros(1, dtype=torch.int64)
        >>> MaskedConv2d(gray, gray, 3, "A", torch.Generator())
        MaskedConv2d(1, 1, kernel_size=3, mask_type=A, open=4 of 9)
    """

    mask: Tensor

    def __init__(
        self,
        in_groups: Tensor,
        out_groups: Tensor,
        kernel_size: int,
        mask_type: Literal["A", "B"],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        mask = convolution_mask(out_groups, in_groups, (kernel_size, kernel_size), mask_type)
        self.kernel_size, self.mask_type, self.radius = kernel_size, mask_type, kernel_size // 2
        # Rows below the centre are masked throughout: they are not stored.
        self.register_buffer("mask", mask[:, :, : self.radius + 1].contiguous(), persistent=False)
        self.weight = nn.Parameter(he_init(torch.empty(self.mask.shape), self.mask, generator))
        self.bias = nn.Parameter(torch.zeros(len(out_groups)))
        self.in_groups, self.out_groups = in_groups, out_groups

    def forward(self, x: Tensor) -> Tensor:
        """Map [n, in, H, W] to [n, out, H, W]."""
        padded = F.pad(x, (0, 0, self.radius, 0)) if self.radius else x
        return F.conv2d(padded, masked_weight(self.weight, self.mask), self.bias, padding=(0, self.radius))

    def extra_repr(self) -> str:
        outputs, inputs = self.mask.shape[:2]
        taps = f"open={int(self.mask.sum())} of {inputs * outputs * self.kernel_size**2}"
        return f"{inputs}, {outputs}, kernel_size={self.kernel_size}, mask_type={self.mask_type}, {taps}"

    @property
    def taps(self) -> Tensor:
        """The open taps between colours: bool [colours out, colours in, rows, columns]."""
        return colour_taps(self.mask, self.out_groups, self.in_groups)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The offsets (down, right) at which other pixels are read, one for each open tap beside the centre."""
        taps = (self.mask.flatten(0, 1).any(0).nonzero() - self.radius).tolist()
        return [(down, right) for down, right in taps if (down, right) != (0, 0)]

    def receptive_field(self, field: Tensor) -> Tensor:
        """Return the receptive field of the output, bool [colours out, H, W, D], from that of the input."""
        return convolution_field(field, self.taps)
