"""The sequential half of image models: each pixel's features are computed once, those of a step all together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.layers.masked import MaskedConv2d
from chainrule.models.base import every_tensor
from chainrule.sampling.conv_cache import Steps, at_pixel, beside, gathered, places, spans
from chainrule.sampling.wavefront import neighbours


class Desk:
    """Room for a step of a walk, of so many columns, (datum, pixel).

    Args:
        like: a tensor of the type and on the device of the room.
        columns: how many.
        colours: of a pixel.
        wide: how many features each colour has.

    Attributes:
        pixels: the encoded pixels, as far as they are known, [columns, colours].
        first: what enters the stack, as far as it depends on other pixels.
        top, head: what enters the two layers after the stack, after its ReLU.
        parts: of each colour, its part of the last three, [columns, features].
        stack: the desk of the stack of layers.
    """

    def __init__(self, like: Tensor, columns: int, colours: int, wide: list[int]) -> None:
        self.pixels = like.new_zeros(columns, colours)
        self.first, self.top, self.head = maps = [like.new_zeros(columns, sum(wide)) for _ in range(3)]
        self.parts = list(zip(*(torch.split(each, wide, 1) for each in maps), strict=True))
        self.stack: Any = None


@dataclass(eq=False)
class Shared:
    """What the states of a walk have in common, which each step fills in place.

    Attributes:
        groups: how many are done; a state with fewer has to begin its step again, with copies.
        desks: by the number of pixels of a step.
        maps: those of the stack of layers, ready for the present step.
    """

    groups: int
    desks: dict[int, Desk]
    maps: Any = None


class Stepped(NamedTuple):
    """The state of a walk. All tensors are [..., n, places, numbers].

    Attributes:
        walk: the layers.
        groups: how many are done.
        numbers: of the next group's distributions, [n, pixels, parameters].
        x: the encoded pixels of the steps that are done, [n, places, colours].
        maps: what the stack of layers knows of them (`sampling/conv_cache.py`).
        values: the encoded colours of this step that are known, [n, pixels, 1] each.
        shared: what x and the maps hold may be of later states: entries of later steps mean nothing.
    """

    walk: ImageWalk
    groups: int
    numbers: Tensor
    x: Tensor
    maps: Any
    values: tuple[Tensor, ...]
    shared: Shared

    def of(self, rows: Tensor) -> Stepped:
        """That of these data, int64 [m]."""
        return self.changed(lambda each: each.index_select(-3, rows.to(each.device)))

    def changed(self, change: Callable[[Tensor], Tensor]) -> Stepped:
        """A state that shares nothing with this one, each tensor changed."""
        x, maps, values = every_tensor((self.x, self.maps, self.values), change)
        return self.walk.resume(x, maps, self.groups // self.walk.shape[0], values)


class ImageWalk:
    """The layers of an image model as a walk takes them: their weights, ready for use, and where they read.

    Args:
        firsts: the layers that read the image: for the stack, and for its scan from the right where that differs.
        position: a bias by position [2h, H, W], if there is one.
        stack: the stack of layers in a walk.
        last: the two layers after it.
        shape: (C, H, W) of the images.
        groups: the pixels of each step.
    """

    @torch.no_grad()
    def __init__(
        self,
        firsts: Sequence[MaskedConv2d],
        position: Tensor | None,
        stack: Steps,
        last: tuple[MaskedConv2d, MaskedConv2d],
        shape: tuple[int, int, int],
        groups: Sequence[Tensor],
    ) -> None:
        self.stack, self.shape, self.groups = stack, shape, groups
        (first, *others), (_, height, width) = firsts, shape
        self.reads = places(neighbours(height, width, first.offsets), groups)
        self.weight, self.bias = beside(first), first.bias.detach()
        self.position = None if position is None else position.detach().flatten(1).T  # [P, 2h]
        self.wide = first.out_groups.bincount().tolist()
        centre = (first.mask * first.weight)[:, :, -1, first.reach]
        self.own = [centre[mine, :colour].T for colour, mine in enumerate(spans(first.out_groups))]
        self.head, self.output = (at_pixel(layer) for layer in last)
        self.right = _Whole(others[0], height, width) if others else None

    def start(self, n: int) -> Stepped:
        """The state before the first group."""
        colours, height, width = self.shape
        return self.resume(self.bias.new_zeros(n, height * width + 1, colours), self.stack.maps(n), 0, ())

    def absorb(self, x: Tensor, features: Sequence[Tensor], groups: int) -> Stepped:
        """The state after the first groups.

        Args:
            x: the encoded images [n, C, H, W].
            features: what enters the stack [n, 2h, H, W], of each of `firsts`.
        """
        step, colours = divmod(groups, self.shape[0])
        maps = self.stack.absorb(features[0], features[1] if len(features) > 1 else None, step)
        x = F.pad(x.flatten(2).mT, (0, 0, 0, 1))
        known = x[:, self.groups[step], :colours].split(1, 2) if colours else ()  # type: ignore[no-untyped-call]
        return self.resume(x, maps, step, known)

    @torch.no_grad()
    def resume(self, x: Tensor, maps: Any, step: int, values: Sequence[Tensor]) -> Stepped:
        """The state when a step begins and some of its colours are known, from tensors that are to be its own."""
        state = self._begin(x, maps, step, Shared(step * self.shape[0], {}))
        for known in values:
            state = self.advance(state, known.squeeze(2))
        return state

    def advance(self, state: Stepped, values: Tensor) -> Stepped:
        """The state after the next group took the encoded values [n, pixels]."""
        if state.shared.groups != state.groups:
            state = state.changed(torch.clone)
        shared, (step, colour) = state.shared, divmod(state.groups, self.shape[0])
        shared.groups += 1
        pixels, desk = self.groups[step], shared.desks[values.shape[1]]
        desk.pixels[:, colour] = values.flatten()
        if colour + 1 < self.shape[0]:
            numbers, known = self._numbers(desk, colour + 1), (*state.values, values.unsqueeze(2))
            return state._replace(groups=shared.groups, numbers=numbers.view_as(state.numbers), values=known)
        state.x.index_copy_(1, pixels, desk.pixels.view(*values.shape, self.shape[0]))
        self.stack.end(shared.maps, desk.stack, pixels)
        return self._begin(state.x, shared.maps, step + 1, shared)

    def _begin(self, x: Tensor, maps: Any, step: int, shared: Shared) -> Stepped:
        """The state when the first colour of a step is predicted."""
        numbers = x[:, :0]
        if step < len(self.groups):
            n, pixels = len(x), self.groups[step]
            desk = shared.desks.get(len(pixels))
            if desk is None:
                desk = shared.desks[len(pixels)] = Desk(x, n * len(pixels), self.shape[0], self.wide)
            shared.maps, desk.stack = self.stack.begin(maps, step, self._row(x, step), desk.stack)
            torch.addmm(self.bias, gathered(x[None], self.reads[step], len(pixels))[0], self.weight, out=desk.first)
            if self.position is not None:
                bias = self.position.index_select(0, pixels)
                desk.first.view(n, *bias.shape).add_(bias)
            numbers = self._numbers(desk, 0)
            numbers = numbers.view(n, len(pixels), numbers.shape[1])
        return Stepped(self, shared.groups, numbers, x, maps, (), shared)

    def _row(self, x: Tensor, step: int) -> Tensor | None:
        """Where a step begins a row, what the scan from the right reads in the row above, if that is its own."""
        width = self.shape[2]
        row, column = divmod(step, width)
        if self.right is None or column or not row:
            return None
        features = self.right.row(x, row - 1)
        return features if self.position is None else features + self.position[(row - 1) * width : row * width]

    def _numbers(self, desk: Desk, colour: int) -> Tensor:
        """The numbers of a colour of the step's pixels, when the colours before it are known: [columns, parameters]."""
        z, top, head = desk.parts[colour]
        if colour:
            z = torch.addmm(z, desk.pixels[:, :colour], self.own[colour])
        torch.clamp(self.stack.climb(desk.stack, colour, z), min=0, out=top)
        bias, weight = self.head[colour]
        torch.clamp(torch.addmm(bias, desk.top, weight), min=0, out=head)
        bias, weight = self.output[colour]
        return torch.addmm(bias, desk.head, weight)


class _Whole:
    """A convolution whose features are computed for whole rows, when the image is known that far.

    Args:
        layer: through mask B.
        height, width: of the images.
    """

    def __init__(self, layer: MaskedConv2d, height: int, width: int) -> None:
        reads = neighbours(height, width, [*layer.offsets, (0, 0)]).to(layer.weight.device)
        self.reads = reads.view(height, -1)  # of each row, pixel by pixel
        self.width = width
        centre = (layer.mask * layer.weight)[:, :, -1, layer.reach]
        self.weight, self.bias = torch.cat([beside(layer), centre.T]), layer.bias.detach()

    def row(self, x: Tensor, row: int) -> Tensor:
        """[n, W, features] of a row, from the encoded pixels [n, places, colours]."""
        features = torch.addmm(self.bias, gathered(x[None], self.reads[row], self.width)[0], self.weight)
        return features.view(len(x), self.width, features.shape[1])
