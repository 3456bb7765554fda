"""MADE in plain PyTorch: masks from comparisons of degrees, and `mask * weight` in each call."""

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
    """Compute what a `chainrule.MADE` of binary images without direct connections computes, from a copy of its weights.

    A benchmark checks that the two agree before it times them.
    """

    def __init__(self, model: cr.MADE) -> None:
        super().__init__()
        layers = cast("list[MaskedLinear]", [*model.layers, model.output])
        self.weights = nn.ParameterList(layer.weight.detach().clone() for layer in layers)
        self.biases = nn.ParameterList(layer.bias.detach().clone() for layer in layers)
        self.sites, self.hidden = model.domain.sites, model.hidden
        degrees = hidden_degrees(self.sites, model.hidden, generator(model.seed))
        self.masks, self.rng = make_masks(model.order.rank + 1, degrees), torch.Generator().manual_seed(0)

    def forward(self, x: Tensor) -> Tensor:
        """Map images [n, C, H, W] to logits [n, C, H, W, 1]."""
        h = 2.0 * x.flatten(1) - 1.0
        *hidden, output = zip(self.masks, self.weights, self.biases, strict=True)
        for mask, weight, bias in hidden:
            h = F.relu(F.linear(h, mask * weight, bias))
        mask, weight, bias = output
        return F.linear(h, mask * weight, bias).view(*x.shape, 1)

    def draw_masks(self) -> None:
        """Replace the masks by those of a new order and new hidden degrees."""
        degrees = [torch.randperm(self.sites, generator=self.rng) + 1]
        for width in self.hidden:
            degrees.append(torch.randint(int(degrees[-1].min()), self.sites, (width,), generator=self.rng))
        self.masks = make_masks(degrees[0], degrees[1:])


def make_masks(inputs: Tensor, hidden: Sequence[Tensor]) -> list[Tensor]:
    """Return the mask of each layer, float32 [out, in].

    Args:
        inputs: the degree of each input: its rank in the order, from 1.
        hidden: the degrees of the units of each hidden layer.
    """
    degrees = [inputs, *hidden]
    masks = [above[:, None] >= below for below, above in pairwise(degrees)]
    return [mask.float() for mask in [*masks, inputs[:, None] > degrees[-1]]]
