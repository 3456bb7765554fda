"""Variants of PixelCNN: with a wrong first mask, without skip connections, and with blocks that start at random."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.distributions import Conditionals
from chainrule.domains import ArrayLike, Domain
from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.masks import colour_groups
from chainrule.layers.residual import ResidualBlock, ResidualStack
from chainrule.layers.weights import he_init
from chainrule.models import PixelCNN
from chainrule.seeding import Seed, generator


def use_mask_b_first(model: PixelCNN, *, seed: int = 0) -> PixelCNN:
    """Replace the first layer by one with mask B, a mistake: each site then depends on itself.

    Args:
        model: is changed in place.
        seed: of the weights of the new layer.

    Returns:
        The same model.

    Example:
        >>> from chainrule.domains import Binary
        >>> from chainrule.checks import check_autoregressive_property
        >>> model = use_mask_b_first(PixelCNN(Binary((1, 2, 2)), blocks=0, features=4))
        >>> check_autoregressive_property(model).pairs
        ((0, 0), (1, 1), (2, 2), (3, 3))
    """
    colours = model.domain.shape[0]
    outputs = colour_groups(2 * model.features, colours)
    model.first = MaskedConv2d(torch.arange(colours), outputs, 7, "B", generator(seed))
    return model


def residual_branch(block: ResidualBlock, h: Tensor) -> Tensor:
    """Return F(h), which a residual block adds to its input: 1×1, 3×3 and 1×1 convolutions, each after a ReLU.

    Source: PixelRNN (arXiv:1601.06759), figure 5, left.

    Args:
        block: a residual block of 2h features.
        h: its input, [n, 2h, H, W].

    Returns:
        [n, 2h, H, W].

    Example:
        >>> block = ResidualBlock(2, 1, torch.Generator().manual_seed(0))
        >>> residual_branch(block, torch.randn(1, 4, 3, 3)).abs().sum().item()  # its last layer starts at zero
        0.0
    """
    narrow = block.spread(F.relu(block.reduce(F.relu(h))))
    return cast("Tensor", block.expand(F.relu(narrow)))


class BlockWithoutSkip(ResidualBlock):
    """Compute F(h) instead of h + F(h): a residual block without its skip connection.

    Example:
        >>> block = BlockWithoutSkip(2, 1, torch.Generator().manual_seed(0))
        >>> block(torch.randn(1, 4, 3, 3)).abs().sum().item()  # a zero start passes on neither data nor gradients
        0.0
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map [n, 2h, H, W] to the same shape."""
        return residual_branch(self, x)


class PixelCNNWithoutSkips(PixelCNN):
    """Represent a PixelCNN of blocks without skip connections; the last layers of its blocks start at random weights.

    Args:
        domain: images (C, H, W).
        blocks: the number of blocks.
        features: h, as in the paper.
        seed: of the weights.

    Example:
        >>> from chainrule.domains import Binary
        >>> PixelCNNWithoutSkips(Binary((1, 4, 4)), blocks=2, features=2).log_prob(torch.zeros(1, 1, 4, 4)).item() < 0
        True
    """

    def __init__(self, domain: Domain, blocks: int = 7, features: int = 32, seed: Seed = 0) -> None:
        super().__init__(domain, blocks, features, seed=seed)
        rng = generator(self.seed, 1)
        self.stack = ResidualStack(*(BlockWithoutSkip(features, domain.shape[0], rng) for _ in range(blocks)))
        randomize_block_outputs(self, seed=self.seed)

    def conditionals(self, x: ArrayLike, context: Tensor | None = None) -> Conditionals:
        # Defined here so that sampling recomputes it: PixelCNN's own sampler would add each block's input.
        return super().conditionals(x, context)


def randomize_block_outputs(model: PixelCNN, *, seed: int = 0) -> PixelCNN:
    """Draw random weights for the last convolution of each block, which starts at zero in PixelCNN.

    Args:
        model: is changed in place.
        seed: of the weights.

    Returns:
        The same model.

    Example:
        >>> from chainrule.domains import Binary
        >>> model = randomize_block_outputs(PixelCNN(Binary((1, 4, 4)), blocks=1, features=2))
        >>> bool((model.stack[0].expand.weight != 0).any())
        True
    """
    rng = generator(seed, 2)
    for block in cast("Sequence[ResidualBlock]", model.stack):
        he_init(block.expand.weight, block.expand.mask, rng)
    return model


def first_layer_gradient_norm(model: PixelCNN, x: Tensor, *, seed: int = 0) -> float:
    """Return the norm of the gradient of the mean NLL by the first layer's weights, before any training.

    It is computed on a copy whose output layer has random weights: that layer starts at zero, which would make the
    gradients of all layers below zero.

    Args:
        model: a PixelCNN; it is not changed.
        x: images, [n, C, H, W].
        seed: of the weights of the output layer.

    Example:
        >>> from chainrule.domains import Binary
        >>> first_layer_gradient_norm(PixelCNN(Binary((1, 4, 4)), blocks=1, features=4), torch.ones(2, 1, 4, 4)) > 0
        True
    """
    model = copy.deepcopy(model)
    he_init(model.output.weight, model.output.mask, generator(seed, 3))
    (gradient,) = torch.autograd.grad(-model.log_prob(x).mean(), model.first.weight)
    return float(gradient.norm())
