"""The baseline: MADE as it is usually written, its masks made by comparing degrees, and `mask * weight` in each call.

It takes a copy of the weights of a `chainrule.MADE` and computes the same function, so that a benchmark can check that
the two agree before it times them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import chainrule as cr
from chainrule.layers.linear import MaskedLinear
from chainrule.models.made import hidden_degrees
from chainrule.seeding import generator


class PlainMADE(nn.Module):
    """Binary images [n, C, H, W] to the logits of all sites, [n, C, H, W, 1]; without direct weights."""

    def __init__(self, model: cr.MADE) -> None:
        super().__init__()
        layers = cast("list[MaskedLinear]", [*model.layers, model.output])
        self.weights, self.biases = (
            nn.ParameterList(values.detach().clone() for values in some)
            for some in ([layer.weight for layer in layers], [layer.bias for layer in layers])
        )
        self.sites, self.hidden = model.domain.sites, model.hidden
        degrees = hidden_degrees(self.sites, model.hidden, generator(model.seed))
        self.masks, self.rng = masks_of(model.order.rank + 1, degrees), torch.Generator().manual_seed(0)

    def forward(self, x: Tensor) -> Tensor:
        """[n, C, H, W] to [n, C, H, W, 1]."""
        h = 2.0 * x.flatten(1) - 1.0
        *hidden, output = zip(self.masks, self.weights, self.biases, strict=True)
        for mask, weight, bias in hidden:
            h = F.relu(F.linear(h, mask * weight, bias))
        mask, weight, bias = output
        return F.linear(h, mask * weight, bias).view(*x.shape, 1)

    def redraw(self) -> None:
        """Another order and other hidden degrees."""
        degrees = [torch.randperm(self.sites, generator=self.rng) + 1]
        for width in self.hidden:
            degrees.append(torch.randint(int(degrees[-1].min()), self.sites, (width,), generator=self.rng))
        self.masks = masks_of(degrees[0], degrees[1:])


def masks_of(inputs: Tensor, hidden: Sequence[Tensor]) -> list[Tensor]:
    """The mask of each layer, float32 [out, in]; an input's degree is its place in the order, from 1."""
    degrees = [inputs, *hidden]
    masks = [above[:, None] >= below for below, above in pairwise(degrees)]
    return [mask.float() for mask in [*masks, inputs[:, None] > degrees[-1]]]
