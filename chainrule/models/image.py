"""What PixelCNN and PixelRNN share: Table 1 of their paper but for its middle rows.

van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.distributions import Conditionals
from chainrule.domains import Domain, Grid
from chainrule.domains.orders import Order, Side, as_turn
from chainrule.errors import ChainruleError
from chainrule.layers.lstm import LSTMStack
from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.masks import colour_groups
from chainrule.layers.receptive_field import itself
from chainrule.layers.residual import ResidualBlock, ResidualStack
from chainrule.models.base import AutoregressiveModel, encoded
from chainrule.sampling.conv_cache import NoSteps, ResidualSteps, Steps
from chainrule.sampling.image_cache import ImageWalk, Stepped
from chainrule.sampling.lstm_cache import LSTMSteps
from chainrule.sampling.schedules import Schedule
from chainrule.sampling.wavefront import slope, wavefront
from chainrule.seeding import Seed, as_seed, generator

Scan = Order | Sequence[int] | Side | None
"""The order of an image: the side that it begins with, an order that begins with one, or none for the top."""

MOST_LAYERS = 1000
"""No such model is so deep: a damaged description that asks for more must not fill the memory."""


class ImageModel(AutoregressiveModel):
    """7×7 mask A; a stack of layers that each model has of its own; twice ReLU and 1×1 mask B; sigmoid or softmax.

    Its features are the paper's 2h throughout, in groups by colour.

    Args:
        domain: images (C, H, W).
        order: the side that the order begins with, or such an order itself; from the top unless given.
        features: the paper's h.
        position_bias: whether each feature and position has a learned bias after the first layer.
        seed: draws the weights.
        stack: makes the stack from the shape of the turned image and the generator that draws all weights.

    Raises:
        ChainruleError: a domain that is not of images, fewer features than colours, or an order that does not go line
            by line.
    """

    domain: Grid
    parallel = (*AutoregressiveModel.parallel, "_placed")

    def __init__(
        self,
        domain: Domain,
        order: Scan,
        features: int,
        position_bias: bool,
        seed: Seed,
        stack: Callable[[Sequence[int], torch.Generator], ResidualStack | LSTMStack],
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not (isinstance(domain, Grid) and domain.is_image):
            raise ChainruleError(
                f"{name} takes images (C, H, W), not data of shape {domain.shape}; MADE takes any shape"
            )
        self.domain, self.features, self.position_bias = domain, features, position_bias
        self.seed, self.turn = as_seed(seed), as_turn(order, domain)
        self.order, shape = self.turn.order(domain), self.turn.sites(domain).shape
        if features < shape[0]:
            colours = "at least 1 feature" if shape[0] == 1 else f"a feature for each of the {shape[0]} colours"
            raise ChainruleError(f"{name} needs {colours}, and features is {features}")
        rng, wide = generator(self.seed), colour_groups(2 * features, shape[0])
        self.first = MaskedConv2d(torch.arange(shape[0]), wide, 7, "A", rng)
        self.position = nn.Parameter(torch.zeros(2 * features, *shape[1:])) if position_bias else None
        self.stack = stack(shape, rng)
        self.head = MaskedConv2d(wide, wide, 1, "B", rng)
        self.output = MaskedConv2d(wide, torch.arange(shape[0]).repeat_interleave(domain.outputs_per_site), 1, "B", rng)
        nn.init.zeros_(self.output.weight)  # all conditionals start uniform

    @property
    def firsts(self) -> tuple[MaskedConv2d, ...]:
        """The layers that read the image: the stack takes a map from each."""
        return (self.first,)

    def conditionals(self, x: Tensor) -> Conditionals:
        x = self.turn(self.encode(x))
        h: Tensor = self.stack(*(self._placed(layer(x)) for layer in self.firsts))
        logits: Tensor = self.output(F.relu(self.head(F.relu(h))))
        # [n, C·K, H, W] to [n, C, H, W, K]
        by_colour = logits.view(len(x), self.domain.shape[0], self.domain.outputs_per_site, *logits.shape[2:])
        return self.domain.conditionals(self.turn.back(by_colour).movedim(2, -1))

    def _placed(self, h: Tensor) -> Tensor:
        """The map with its bias by position, and channels last: the 1×1 convolutions are then plain matrix products."""
        h = h.contiguous(memory_format=torch.channels_last)
        return h if self.position is None else h + self.position.to(h.dtype)  # its type under autocast is kept

    # The sequential half: a walk computes each pixel's features once, those of pixels that do not wait for each other
    # together.

    @cached_property
    def _pixels(self) -> tuple[Tensor, ...]:
        """The pixels of each step, in the turned image."""
        offsets = [offset for layer in self.firsts for offset in layer.offsets] + self.stack.offsets
        return wavefront(*self._turned[1:], slope(offsets))

    @property
    def _turned(self) -> tuple[int, int, int]:
        """(C, H, W) of the turned image."""
        channels, height, width = self.turn.sites(self.domain).shape
        return channels, height, width

    @cached_property
    def schedule(self) -> Schedule:
        """The wavefront that the layers' kernels admit; of each step's pixels one colour after the other."""
        by_colour = self.turn.sites(self.domain).flatten(1)
        return Schedule(tuple(sites[pixels] for pixels in self._pixels for sites in by_colour))

    @property
    def kept(self) -> int:
        # As much again goes through the layers when evidence is absorbed.
        return super().kept + 2 * self._weight.element_size() * math.prod(self._turned[1:]) * self.stack.kept

    @torch.no_grad()
    def start(self, n: int) -> Stepped:
        return self._walk().start(n)

    def predict(self, state: Stepped) -> Conditionals:
        return self.domain.conditionals(state.numbers)

    def advance(self, state: Stepped, values: Tensor) -> Stepped:
        return state.walk.advance(state, encoded(self.domain, values.to(state.x.device), state.x.dtype))

    @torch.no_grad()
    def absorb(self, x: Tensor, groups: int) -> Stepped:
        known = torch.zeros(self.domain.sites, dtype=torch.bool)
        known[self.schedule.sites_before(groups)] = True
        known = known.view(self.domain.shape).to(x.device)
        x = self.turn(self.encode(torch.where(known, x, torch.zeros_like(x)).to(self.device)))
        return self._walk().absorb(x, [self._placed(layer(x)) for layer in self.firsts], groups)

    def select(self, state: Stepped, rows: Tensor) -> Stepped:
        return state.of(rows)

    def _walk(self) -> ImageWalk:
        """The layers as a walk takes them."""
        pixels = torch.split(torch.cat(self._pixels).to(self.device), [len(each) for each in self._pixels])
        last = self.head, self.output
        return ImageWalk(self.firsts, self.position, self._steps(pixels), last, self._turned, pixels)

    @torch.no_grad()
    def _steps(self, pixels: Sequence[Tensor]) -> Steps:
        """The stack of layers in a walk of these steps."""
        colours, height, width = self._turned
        if isinstance(self.stack, LSTMStack):
            layers = self.stack.blocks
            return LSTMSteps(self.stack, colours, height, width, pixels) if layers else NoSteps()
        blocks = cast("list[ResidualBlock]", list(self.stack))
        return ResidualSteps(blocks, height, width, pixels) if blocks else NoSteps()

    def receptive_field(self) -> Tensor:
        sites = self.turn.sites(self.domain)
        image = itself(tuple(sites.shape))
        seen = self.stack.receptive_field(*(layer.receptive_field(image) for layer in self.firsts))
        turned = self.output.receptive_field(self.head.receptive_field(seen)).flatten(0, 2)
        place = torch.argsort(sites.flatten())  # where each site stands in the turned image
        return turned[place][:, place]


def check_depth(model: AutoregressiveModel, name: str, depth: int) -> None:
    """Raises ChainruleError for a number of layers that no model has."""
    if not 0 <= depth <= MOST_LAYERS:
        raise ChainruleError(f"{type(model).__name__} needs 0 to {MOST_LAYERS} {name}, not {depth}")
