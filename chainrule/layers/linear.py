"""Linear layers with a mask on their weights.

The mask multiplies the weight each time the weight is used and never changes it. One weight can serve many masks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.layers.weights import he_init, masked_weight


class MaskedLinear(nn.Module):
    """Compute y = b + (W ⊙ M) x.

    Source: MADE (arXiv:1502.03509), section 4.

    Args:
        mask: bool [out, in].
        generator: draws the weights.

    Example:
        >>> layer = MaskedLinear(torch.tensor([[True, False]]), torch.Generator().manual_seed(0))
        >>> layer
        MaskedLinear(in_features=2, out_features=1, open=1 of 2)
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
        """Map [n, in] to [n, out].

        Args:
            mask: [out, in], used in place of the layer's own mask.
        """
        return F.linear(x, masked_weight(self.weight, self.mask if mask is None else mask), self.bias)

    def extra_repr(self) -> str:
        outputs, inputs = self.mask.shape
        return f"in_features={inputs}, out_features={outputs}, open={int(self.mask.sum())} of {self.mask.numel()}"


class MaskedMap(MaskedLinear):
    """Apply a masked 1×1 convolution to maps [in, pixels, n], whose features come first."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map [in, pixels, n] to [out, pixels, n].

        Args:
            mask: [out, in], used in place of the layer's own mask.
        """
        weight = masked_weight(self.weight, self.mask if mask is None else mask)
        return torch.addmm(self.bias[:, None], weight, x.flatten(1)).view(len(weight), *x.shape[1:])
