"""The part that PixelCNN and PixelRNN share: Table 1 of their paper without its middle rows.

van den Oord, Kalchbrenner, Kavukcuoglu: Pixel Recurrent Neural Networks. 2016, arXiv:1601.06759.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.distributions import Conditionals
from chainrule.domains import ArrayLike, Domain, Grid, Order, Side, as_orientation
from chainrule.errors import ChainruleError
from chainrule.layers.convolution import MaskedConv2d, add_position_bias
from chainrule.layers.lstm import LSTMStack
from chainrule.layers.masks import colour_groups
from chainrule.layers.receptive_field import identity_field
from chainrule.layers.residual import ResidualStack
from chainrule.models.autoregressive import AutoregressiveModel
from chainrule.sampling import ImageNetwork, ImageSampler, Sampler, Schedule, refuse_context, slope, wavefront
from chainrule.seeding import Seed, as_seed, generator

OrderSpec = Order | Sequence[int] | Side | None
"""The order of an image: the side from which it begins, an order that begins from a side, or None for the top."""

MAX_DEPTH = 1000
"""The largest number of layers. A damaged description that asks for more must not fill the memory."""


class ImageModel(AutoregressiveModel):
    """An image model: 7×7 mask A; a stack of layers; twice ReLU and 1×1 mask B; sigmoid or softmax.

    Each subclass has its own stack. All maps have the paper's 2h features, in groups by colour.
    Source: PixelRNN (arXiv:1601.06759), table 1.

    Args:
        domain: images (C, H, W).
        order: the side from which the order begins, or such an order itself; from the top unless given.
        features: the paper's h.
        position_bias: whether each feature and position has a learned bias after the first layer.
        seed: draws the weights.
        make_stack: makes the stack, from the shape of the turned image and the generator that draws all weights.

    Raises:
        ChainruleError: a domain that is not of images, fewer features than colours, or an order that does not go line
            by line.
    """

    domain: Grid

    def __init__(
        self,
        domain: Domain,
        order: OrderSpec,
        features: int,
        position_bias: bool,
        seed: Seed,
        make_stack: Callable[[Sequence[int], torch.Generator], ResidualStack | LSTMStack],
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not (isinstance(domain, Grid) and domain.is_image):
            raise ChainruleError(
                f"{name} takes images (C, H, W), not data of shape {domain.shape}; MADE takes any shape"
            )
        self.domain, self.features, self.position_bias = domain, features, position_bias
        self.seed, self.orientation = as_seed(seed), as_orientation(order, domain)
        self.order, shape = self.orientation.order(domain), self.orientation.sites(domain).shape
        if features < shape[0]:
            colours = "at least 1 feature" if shape[0] == 1 else f"a feature for each of the {shape[0]} colours"
            raise ChainruleError(f"{name} needs {colours}, and features is {features}")
        rng, wide = generator(self.seed), colour_groups(2 * features, shape[0])
        self.first = MaskedConv2d(torch.arange(shape[0]), wide, 7, "A", rng)
        self.position = nn.Parameter(torch.zeros(2 * features, *shape[1:])) if position_bias else None
        self.stack = make_stack(shape, rng)
        self.head = MaskedConv2d(wide, wide, 1, "B", rng)
        self.output = MaskedConv2d(wide, torch.arange(shape[0]).repeat_interleave(domain.outputs_per_site), 1, "B", rng)
        nn.init.zeros_(self.output.weight)  # all conditionals start uniform

    @property
    def input_layers(self) -> tuple[MaskedConv2d, ...]:
        """The layers that read the image; the stack takes one map from each."""
        return (self.first,)

    def conditionals(self, x: ArrayLike, context: Tensor | None = None) -> Conditionals:
        refuse_context(context)
        image = self.orientation(self.encode(x))
        h: Tensor = self.stack(*(add_position_bias(layer(image), self.position) for layer in self.input_layers))
        logits: Tensor = self.output(F.relu(self.head(F.relu(h))))
        # [n, C·K, H, W] to [n, C, H, W, K]
        by_colour = logits.view(len(image), self.domain.shape[0], self.domain.outputs_per_site, *logits.shape[2:])
        return self.domain.conditionals(self.orientation.inverse(by_colour).movedim(2, -1))

    def fast_sampler(self) -> Sampler:
        """Return a sampler that computes each pixel's features once, and independent pixels together."""
        network = ImageNetwork(self.input_layers, self.position, self.stack, self.head, self.output)
        return ImageSampler(self.domain, self.orientation, network, self._wavefront, self._schedule)

    @cached_property
    def _wavefront(self) -> tuple[Tensor, ...]:
        """The pixels of each step in the turned image, as the layers' kernels allow."""
        offsets = [offset for layer in self.input_layers for offset in layer.offsets] + self.stack.offsets
        _, height, width = self.orientation.sites(self.domain).shape
        return wavefront(height, width, slope(offsets))

    @cached_property
    def _schedule(self) -> Schedule:
        """The groups of sites: of each step's pixels one colour after the other."""
        by_colour = self.orientation.sites(self.domain).flatten(1)
        return Schedule(tuple(sites[pixels] for pixels in self._wavefront for sites in by_colour))

    @property
    def bytes_per_datum(self) -> int:
        # Twice the cached features: as many again go through the layers when evidence is prefilled.
        pixels = math.prod(self.domain.shape[1:])
        return super().bytes_per_datum + 2 * self._weight.element_size() * pixels * self.stack.cached_features

    def receptive_field(self) -> Tensor:
        sites = self.orientation.sites(self.domain)
        image = identity_field(tuple(sites.shape))
        field = self.stack.receptive_field(*(layer.receptive_field(image) for layer in self.input_layers))
        turned = self.output.receptive_field(self.head.receptive_field(field)).flatten(0, 2)
        index = torch.argsort(sites.flatten())  # of each site in the turned image
        return turned[index][:, index]

    # What the reports ask of a model.

    def receptive_fields_by_depth(self) -> dict[int, Tensor]:
        """Return the receptive fields at up to four depths, the last of them the model's own: bool [D, D] by depth."""
        name, least, features = self.depth_argument, self.least_depth, self.domain.shape[0]
        deepest: int = getattr(self, name)
        depths = sorted({least, min(1, deepest), max(least, deepest // 2), deepest})
        # The number of features does not change the receptive field: the fewest are enough.
        models = {depth: type(self)(**{**self.arguments, name: depth, "features": features}) for depth in depths}
        return {depth: model.receptive_field() for depth, model in models.items()}

    @property
    def least_depth(self) -> int:
        """The least number of layers that such a model can have."""
        return 0


def check_depth(model: AutoregressiveModel, name: str, depth: int) -> None:
    """Raise ChainruleError for a negative or enormous number of layers."""
    if not 0 <= depth <= MAX_DEPTH:
        raise ChainruleError(f"{type(model).__name__} needs 0 to {MAX_DEPTH} {name}, not {depth}")
