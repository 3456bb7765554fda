"""The sampler of image models: each pixel's features are computed once, those of a step's pixels together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.distributions import Distributions
from chainrule.domains import Domain, Orientation, encode_as
from chainrule.layers.convolution import MaskedConv2d, add_position_bias
from chainrule.layers.lstm import LSTMStack
from chainrule.layers.residual import ResidualStack
from chainrule.sampling.context import refuse_context
from chainrule.sampling.conv_cache import ResidualStepper
from chainrule.sampling.lstm_cache import LSTMStepper
from chainrule.sampling.sampler import Sampler, map_tensors
from chainrule.sampling.schedules import Schedule
from chainrule.sampling.stack_cache import (
    EmptyStepper,
    StackStepper,
    centre_weights,
    colour_slices,
    gather,
    gather_indices,
    neighbour_weights,
)
from chainrule.sampling.wavefront import neighbours


class ImageNetwork(NamedTuple):
    """The layers of an image model.

    Attributes:
        input_layers: the layers that read the image: one for the stack, and one more for its scan from the right where
            that scan reads features of its own.
        position: a bias by feature and position [2h, H, W], or None.
        stack: the residual blocks or recurrent layers.
        head, output: the two layers after the stack.
    """

    input_layers: tuple[MaskedConv2d, ...]
    position: Tensor | None
    stack: ResidualStack | LSTMStack
    head: MaskedConv2d
    output: MaskedConv2d


class StepBuffers:
    """The buffers of a step, where a column is a pixel of a datum.

    Args:
        reference: a tensor with the dtype and device of the buffers.
        columns: the number of columns.
        colours: the number of colours of a pixel.
        sizes: the number of features of each colour.

    Attributes:
        pixels: the encoded pixels, as far as they are known, [columns, colours].
        first: the input of the stack, as far as it comes from other pixels.
        top, head: the inputs of the two layers after the stack, after their ReLU.
        by_colour: for each colour, its part of the last three buffers, [columns, features].
        stack: the buffers of the stack.
    """

    def __init__(self, reference: Tensor, columns: int, colours: int, sizes: list[int]) -> None:
        self.pixels = reference.new_zeros(columns, colours)
        self.first, self.top, self.head = maps = [reference.new_zeros(columns, sum(sizes)) for _ in range(3)]
        self.by_colour = list(zip(*(torch.split(each, sizes, 1) for each in maps), strict=True))
        self.stack: Any = None


@dataclass(eq=False)
class SharedState:
    """The part of a state that all states of one decode share, and that each step fills in place.

    Attributes:
        groups: the number of groups that are done. A state with fewer groups begins its step again, with copies.
        buffers: by the number of pixels of a step.
        maps: of the stack, ready for the present step.
    """

    groups: int
    buffers: dict[int, StepBuffers]
    maps: Any = None


class ImageState(NamedTuple):
    """The state of an `ImageSampler`. All tensors are [..., n, pixels, features].

    Attributes:
        sampler: the sampler that made it.
        groups: the number of groups that are done.
        params: of the next group's distributions, [n, pixels, outputs].
        x: the encoded pixels of the steps that are done, [n, P + 1, colours].
        maps: the features of these pixels in the stack (`sampling/stack_cache.py`).
        values: the encoded colours of this step that are known, [n, pixels, 1] each.
        shared: x and the maps may hold entries of later steps, which are not read.
    """

    sampler: ImageSampler
    groups: int
    params: Tensor
    x: Tensor
    maps: Any
    values: tuple[Tensor, ...]
    shared: SharedState

    def changed(self, change: Callable[[Tensor], Tensor]) -> ImageState:
        """Return a state that shares nothing with this one, with each tensor changed."""
        x, maps, values = map_tensors((self.x, self.maps, self.values), change)
        return self.sampler.resume(x, maps, self.groups // self.sampler.shape[0], values)


class ImageSampler(Sampler):
    """Sample an image model along the wavefront of its kernels, at the cost of about one pass.

    Args:
        domain: images (C, H, W).
        orientation: turns an image so that its order is raster order.
        network: the layers of the model.
        pixels: the pixels of each step in the turned image, int64 [k] each.
        schedule: the groups of sites: of each step's pixels one colour after the other.
    """

    @torch.no_grad()
    def __init__(
        self,
        domain: Domain,
        orientation: Orientation,
        network: ImageNetwork,
        pixels: Sequence[Tensor],
        schedule: Schedule,
    ) -> None:
        (first, *others), device = network.input_layers, network.output.weight.device
        super().__init__(domain, schedule, device)
        self.orientation, self.network = orientation, network
        colours, height, width = self.shape = orientation.sites(domain).shape
        self.pixels = torch.split(torch.cat(list(pixels)).to(device), [len(each) for each in pixels])
        self.stack = make_stepper(network.stack, colours, height, width, self.pixels)
        self.indices = gather_indices(neighbours(height, width, first.offsets), self.pixels)
        self.weight, self.bias = neighbour_weights(first), first.bias.detach()
        position = network.position
        self.position = None if position is None else position.detach().flatten(1).T  # [P, 2h]
        self.sizes = first.out_groups.bincount().tolist()
        centre = (first.mask * first.weight)[:, :, -1, first.radius]
        self.centre = [centre[mine, :colour].T for colour, mine in enumerate(colour_slices(first.out_groups))]
        self.head, self.output = (centre_weights(layer) for layer in (network.head, network.output))
        self.right = RowConv(others[0], height, width) if others else None
        self.group_domains = {len(sites): domain.select_sites(sites) for sites in schedule}  # the sites are alike

    def init_state(self, n: int, context: Tensor | None = None) -> ImageState:
        refuse_context(context)
        colours, height, width = self.shape
        return self.resume(self.bias.new_zeros(n, height * width + 1, colours), self.stack.init_maps(n), 0, ())

    @torch.no_grad()
    def prefill(self, x: Tensor, groups: int, context: Tensor | None = None) -> ImageState:
        refuse_context(context)
        x, (step, colours) = self._encode_prefix(x, groups), divmod(groups, self.shape[0])
        features = [add_position_bias(layer(x), self.network.position) for layer in self.network.input_layers]
        maps = self.stack.prefill(features[0], features[1] if len(features) > 1 else None, step)
        x = F.pad(x.flatten(2).mT, (0, 0, 0, 1))
        known = x[:, self.pixels[step], :colours].split(1, 2) if colours else ()  # type: ignore[no-untyped-call]
        return self.resume(x, maps, step, known)

    def _encode_prefix(self, x: Tensor, groups: int) -> Tensor:
        """Encode and turn the images, with zeros at the sites after the first groups."""
        known = torch.zeros(self.domain.sites, dtype=torch.bool)
        known[self.schedule.sites_before(groups)] = True
        known = known.view(self.domain.shape).to(x.device)
        x = torch.where(known, x, torch.zeros_like(x)).to(self.device)
        return self.orientation(encode_as(self.domain, x, self.weight.dtype))

    def predict(self, state: ImageState) -> Distributions:
        return self.group_domains[state.params.shape[1]].conditionals(state.params)

    def step(self, state: ImageState, values: Tensor) -> ImageState:
        return self._append(state, encode_as(self.domain, values.to(state.x.device), state.x.dtype))

    def reorder(self, state: ImageState, rows: Tensor) -> ImageState:
        return state.changed(lambda each: each.index_select(-3, rows.to(each.device)))

    @torch.no_grad()
    def resume(self, x: Tensor, maps: Any, step: int, values: Sequence[Tensor]) -> ImageState:
        """Return the state at the beginning of a step, after its first colours, from tensors that it may fill."""
        state = self._begin_step(x, maps, step, SharedState(step * self.shape[0], {}))
        for known in values:
            state = self._append(state, known.squeeze(2))
        return state

    def _append(self, state: ImageState, values: Tensor) -> ImageState:
        """Return the state after the next group took the encoded values [n, pixels]."""
        if state.shared.groups != state.groups:
            state = state.changed(torch.clone)
        shared, (step, colour) = state.shared, divmod(state.groups, self.shape[0])
        shared.groups += 1
        pixels, buffers = self.pixels[step], shared.buffers[values.shape[1]]
        buffers.pixels[:, colour] = values.flatten()
        if colour + 1 < self.shape[0]:
            params, known = self._predict_colour(buffers, colour + 1), (*state.values, values.unsqueeze(2))
            return state._replace(groups=shared.groups, params=params.view_as(state.params), values=known)
        state.x.index_copy_(1, pixels, buffers.pixels.view(*values.shape, self.shape[0]))
        self.stack.end_step(shared.maps, buffers.stack, pixels)
        return self._begin_step(state.x, shared.maps, step + 1, shared)

    def _begin_step(self, x: Tensor, maps: Any, step: int, shared: SharedState) -> ImageState:
        """Return the state in which the first colour of a step is predicted."""
        params = x[:, :0]
        if step < len(self.pixels):
            n, pixels = len(x), self.pixels[step]
            buffers = shared.buffers.get(len(pixels))
            if buffers is None:
                buffers = StepBuffers(x, n * len(pixels), self.shape[0], self.sizes)
                shared.buffers[len(pixels)] = buffers
            right = self._right_features(x, step)
            shared.maps, buffers.stack = self.stack.begin_step(maps, step, right, buffers.stack)
            torch.addmm(self.bias, gather(x[None], self.indices[step], len(pixels))[0], self.weight, out=buffers.first)
            if self.position is not None:
                bias = self.position.index_select(0, pixels)
                buffers.first.view(n, *bias.shape).add_(bias)
            params = self._predict_colour(buffers, 0)
            params = params.view(n, len(pixels), params.shape[1])
        return ImageState(self, shared.groups, params, x, maps, (), shared)

    def _right_features(self, x: Tensor, step: int) -> Tensor | None:
        """Return the features that the scan from the right reads in the row above, where a step begins a row.

        None where the step begins no row, or where the scan reads the features of the stack.
        """
        width = self.shape[2]
        row, column = divmod(step, width)
        if self.right is None or column or not row:
            return None
        features = self.right.features_of_row(x, row - 1)
        return features if self.position is None else features + self.position[(row - 1) * width : row * width]

    def _predict_colour(self, buffers: StepBuffers, colour: int) -> Tensor:
        """Return the parameters of a colour of the step's pixels, given the colours before it: [columns, outputs]."""
        z, top, head = buffers.by_colour[colour]
        if colour:
            z = torch.addmm(z, buffers.pixels[:, :colour], self.centre[colour])
        torch.clamp(self.stack.forward(buffers.stack, colour, z), min=0, out=top)
        bias, weight = self.head[colour]
        torch.clamp(torch.addmm(bias, buffers.top, weight), min=0, out=head)
        bias, weight = self.output[colour]
        return torch.addmm(bias, buffers.head, weight)


def make_stepper(
    stack: ResidualStack | LSTMStack, colours: int, height: int, width: int, pixels: Sequence[Tensor]
) -> StackStepper:
    """Return the stepper of a stack of layers.

    Args:
        colours, height, width: of the turned images.
        pixels: of each step, int64 [k].
    """
    if isinstance(stack, LSTMStack):
        return LSTMStepper(stack, colours, height, width, pixels) if len(stack.blocks) else EmptyStepper()
    return ResidualStepper(stack.blocks, height, width, pixels) if len(stack) else EmptyStepper()


class RowConv:
    """Compute the features of a convolution for a whole row, once the image is known that far.

    Args:
        layer: a convolution with mask B.
        height, width: of the images.
    """

    def __init__(self, layer: MaskedConv2d, height: int, width: int) -> None:
        sources = neighbours(height, width, [*layer.offsets, (0, 0)]).to(layer.weight.device)
        self.indices = sources.view(height, -1)  # of each row, pixel by pixel
        self.width = width
        centre = (layer.mask * layer.weight)[:, :, -1, layer.radius]
        self.weight, self.bias = torch.cat([neighbour_weights(layer), centre.T]), layer.bias.detach()

    def features_of_row(self, x: Tensor, row: int) -> Tensor:
        """Return the features [n, W, features] of a row, from the encoded pixels [n, P + 1, colours]."""
        features = torch.addmm(self.bias, gather(x[None], self.indices[row], self.width)[0], self.weight)
        return features.view(len(x), self.width, features.shape[1])
