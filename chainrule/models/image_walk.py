"""The sequential half of image models: each pixel's features are computed once, those of a step all together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.steps import Steps, at_pixel, beside, gathered, places, spans
from chainrule.layers.wavefront import neighbours
from chainrule.models.base import every_tensor


@dataclass(eq=False)
class Filled:
    """How many groups the maps know that the states of a walk share."""

    groups: int


class Stepped(NamedTuple):
    """The state of a walk. All tensors are [..., n, places, numbers].

    The maps and the desk are filled in place, and shared by the states of a walk: one that it has gone beyond must go
    on with copies.

    Attributes:
        walk: the layers.
        groups: how many are done.
        numbers: of the next group's distributions, [n, pixels, parameters].
        x: the encoded pixels so far, [n, places, colours].
        maps, desk: those of the stack of layers (`layers/steps.py`).
        pixels: those of this step, encoded, [n, pixels, colours].
        first: what enters the stack there, as far as it depends on other pixels.
        top, head: what enters the last two layers there.
        filled: what the shared tensors know.
    """

    walk: ImageWalk
    groups: int
    numbers: Tensor
    x: Tensor
    maps: Any
    desk: Any
    pixels: Tensor
    first: Tensor
    top: Tensor
    head: Tensor
    filled: Filled

    def of(self, rows: Tensor) -> Stepped:
        """That of these data, int64 [m]."""
        return self.changed(lambda each: each.index_select(-3, rows.to(each.device)))

    def changed(self, change: Callable[[Tensor], Tensor]) -> Stepped:
        """A state that shares nothing with this one, each tensor changed."""
        state: Stepped = every_tensor(self._replace(filled=Filled(self.groups)), change)
        return state


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
        self.weight, self.bias = beside(first), first.bias
        self.position = None if position is None else position.flatten(1).T  # [P, 2h]
        self.wide = spans(first.out_groups)
        centre = (first.mask * first.weight)[:, :, -1, first.reach]
        self.own = [centre[mine, :colour].T for colour, mine in enumerate(self.wide)]
        self.head, self.output = (at_pixel(layer) for layer in last)
        self.right = _Whole(others[0], height, width) if others else None

    def start(self, n: int) -> Stepped:
        """The state before the first group."""
        colours, height, width = self.shape
        x = self.bias.new_zeros(n, height * width + 1, colours)
        return self._begin(x, self.stack.maps(n), 0)

    def absorb(self, x: Tensor, features: Sequence[Tensor], groups: int) -> Stepped:
        """The state after the first groups.

        Args:
            x: the encoded images [n, C, H, W].
            features: what enters the stack [n, 2h, H, W], of each of `firsts`.
        """
        step, colours = divmod(groups, self.shape[0])
        maps = self.stack.absorb(features[0], features[1] if len(features) > 1 else None, step)
        state = self._begin(F.pad(x.flatten(2).mT, (0, 0, 0, 1)), maps, step)
        for colour in range(colours):
            pixels = self.groups[step]
            state = self.advance(state, x[:, colour].flatten(1)[:, pixels])
        return state

    def advance(self, state: Stepped, values: Tensor) -> Stepped:
        """The state after the next group took the encoded values [n, pixels]."""
        if state.filled.groups != state.groups:
            state = state.changed(torch.clone)
        step, colour = divmod(state.groups, self.shape[0])
        state.pixels[:, :, colour] = values
        state.filled.groups += 1
        if colour + 1 < self.shape[0]:
            return self._predicted(state._replace(groups=state.groups + 1), colour + 1)
        state.x.index_copy_(1, self.groups[step], state.pixels)
        self.stack.end(state.maps, state.desk, self.groups[step])
        return self._begin(state.x, state.maps, step + 1, state.filled)

    def _begin(self, x: Tensor, maps: Any, step: int, filled: Filled | None = None) -> Stepped:
        """The state when the first colour of a step is predicted."""
        (n, _, colours), groups = x.shape, step * self.shape[0]
        none = x[:, :0]
        state = Stepped(self, groups, none, x, maps, None, none, none, none, none, filled or Filled(groups))
        if step == len(self.groups):
            return state
        pixels = self.groups[step]
        count, size = len(pixels), self.wide[-1].stop
        maps, desk = self.stack.begin(maps, step, self._row(x, pixels))
        first = torch.addmm(self.bias, gathered(x[None], self.reads[step], count)[0], self.weight).view(n, count, size)
        if self.position is not None:
            first += self.position[pixels]
        top, head = (x.new_zeros(n, count, size) for _ in range(2))
        empty = x.new_zeros(n, count, colours)
        state = state._replace(maps=maps, desk=desk, pixels=empty, first=first, top=top, head=head)
        return self._predicted(state, 0)

    def _row(self, x: Tensor, pixels: Tensor) -> Tensor | None:
        """Where a step begins a row, what the scan from the right reads in the row above, if that is its own."""
        if self.right is None:
            return None
        row, column = divmod(int(pixels[0]), self.shape[2])
        return self.right.row(x, row - 1) if row and not column else None

    def _predicted(self, state: Stepped, colour: int) -> Stepped:
        """The state with the numbers of a colour, when the colours before it are known."""
        z = state.first.flatten(0, 1)[:, self.wide[colour]]
        if colour:
            z = torch.addmm(z, state.pixels.flatten(0, 1)[:, :colour], self.own[colour])
        h = self.stack.climb(state.desk, colour, z)
        for room, layer in ((state.top, self.head), (state.head, self.output)):
            seen, (bias, weight) = room.flatten(0, 1), layer[colour]
            torch.clamp(h, min=0, out=seen[:, self.wide[colour]])
            h = torch.addmm(bias, seen, weight)
        return state._replace(numbers=h.view(*state.pixels.shape[:2], -1))


class _Whole:
    """A convolution whose features are computed for whole rows, when the image is known that far.

    Args:
        layer: through mask B.
        height, width: of the images.
    """

    def __init__(self, layer: MaskedConv2d, height: int, width: int) -> None:
        self.reads = neighbours(height, width, [*layer.offsets, (0, 0)]).view(height, width, -1)
        centre = (layer.mask * layer.weight)[:, :, -1, layer.reach]
        self.weight, self.bias = torch.cat([beside(layer), centre.T]), layer.bias

    def row(self, x: Tensor, row: int) -> Tensor:
        """[n, W, features] of a row, from the encoded pixels [n, places, colours]."""
        width = self.reads.shape[1]
        features = torch.addmm(self.bias, gathered(x[None], self.reads[row].flatten(), width)[0], self.weight)
        return features.view(len(x), width, -1)
