"""Linear and convolutional layers with a mask on their weights.

The mask multiplies the weight each time it is used and never changes it, so one weight can serve many masks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.layers.masks import convolution_mask
from chainrule.layers.receptive_field import colour_taps, convolution_reach


def he_init(weight: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
    """Fill `weight` [out, in, ...] in place: variance 2 / (open taps of that output), for ReLU networks.

    Counting the open taps and not the whole kernel keeps the signal's size from layer to layer.
    """
    fan_in = mask.flatten(1).sum(1).clamp(min=1).view(-1, *[1] * (weight.ndim - 1))
    with torch.no_grad():
        return weight.normal_(generator=generator).mul_((2.0 / fan_in).sqrt())


def masked(weight: Tensor, mask: Tensor) -> Tensor:
    """weight ⊙ mask, in the type of the product to come: under autocast it is rounded first, and is half the memory."""
    kind = weight.device.type
    mixed = weight.dtype == torch.float32 and torch.is_autocast_enabled(kind)
    dtype = torch.get_autocast_dtype(kind) if mixed else weight.dtype
    return weight.to(dtype) * mask.to(dtype)


class MaskedLinear(nn.Module):
    """y = b + (W ⊙ M) x.

    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        mask: bool [out, in].
        generator: draws the weights.

    Example:
        >>> layer = MaskedLinear(torch.tensor([[True, False]]), torch.Generator().manual_seed(0))
        >>> layer(torch.tensor([[0.0, 5.0]])).tolist()
        [[0.0]]
    """

    mask: Tensor

    def __init__(self, mask: Tensor, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("mask", mask, persistent=False)
        self.weight = nn.Parameter(he_init(torch.empty(mask.shape), mask, generator))
        self.bias = nn.Parameter(torch.zeros(len(mask)))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """b + (W ⊙ M) x, [n, in] to [n, out]; through another mask than its own, where one is given.

        Source: MADE (arXiv:1502.03509), section 4.
        """
        return F.linear(x, masked(self.weight, self.mask if mask is None else mask), self.bias)


class MaskedConv2d(nn.Module):
    """A convolution that sees only pixels before its own, and at its own pixel the colours that `kind` allows.

    Source: PixelRNN (arXiv:1601.06759), section 3.4.

    Args:
        in_groups, out_groups: the colour of each input and output feature, int64 [features].
        kernel: an odd size.
        kind: "A" for the first layer, "B" for all others.
        generator: draws the weights.
    """

    mask: Tensor

    def __init__(
        self, in_groups: Tensor, out_groups: Tensor, kernel: int, kind: str, generator: torch.Generator
    ) -> None:
        super().__init__()
        mask = convolution_mask(out_groups, in_groups, (kernel, kernel), kind)
        # Rows below the centre are masked throughout: they are not stored.
        self.register_buffer("mask", mask[:, :, : kernel // 2 + 1].contiguous(), persistent=False)
        self.weight = nn.Parameter(he_init(torch.empty(self.mask.shape), self.mask, generator))
        self.bias = nn.Parameter(torch.zeros(len(out_groups)))
        self.in_groups, self.out_groups = in_groups, out_groups
        self.reach = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, H, W] to [n, out, H, W]."""
        above = F.pad(x, (0, 0, self.reach, 0)) if self.reach else x
        return F.conv2d(above, masked(self.weight, self.mask), self.bias, padding=(0, self.reach))

    @property
    def taps(self) -> Tensor:
        """From which colour to which the kernel is open: bool [colours out, colours in, rows, columns]."""
        return colour_taps(self.mask, self.out_groups, self.in_groups)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The other pixels that are read: (down, right) of the pixel itself, for each open tap beside the centre."""
        taps = (self.mask.flatten(0, 1).any(0).nonzero() - self.reach).tolist()
        return [(down, right) for down, right in taps if (down, right) != (0, 0)]

    def receptive_field(self, seen: Tensor) -> Tensor:
        """The field of the output, bool [colours out, H, W, D], given that of the input (`layers/receptive_field.py`)."""
        return convolution_reach(seen, self.taps)


class MaskedMap(MaskedLinear):
    """A 1×1 convolution over maps [in, pixels, n]: the masked product, with the features first."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """[in, pixels, n] to [out, pixels, n]; through another mask than its own, where one is given."""
        weight = masked(self.weight, self.mask if mask is None else mask)
        return torch.addmm(self.bias[:, None], weight, x.flatten(1)).view(len(weight), *x.shape[1:])
