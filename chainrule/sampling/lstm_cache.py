"""The recurrent layers of PixelRNN taken through a walk: `sampling/conv_cache.py` says how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from chainrule.layers.lstm import ImageLSTM, LSTMStack
from chainrule.layers.masks import colour_groups
from chainrule.layers.scan import lstm_states
from chainrule.sampling.conv_cache import Product, Steps, by_colour, gathered, places, rooms


@dataclass(frozen=True, eq=False)
class LSTMMaps:
    """What is known of the pixels so far, each [layers, n, places, features].

    The last place but one is beside the image, the last has the learned initial state.

    Attributes:
        z: what enters the layers.
        hidden, cell: their states, of the first direction.
        right: hidden states of the scan from the right in the last row that is done, [layers, n, W, h]; None where
            there is no such scan, or no such row. It is replaced, not filled.
    """

    z: Tensor
    hidden: Tensor
    cell: Tensor
    right: Tensor | None


class LSTMDesk:
    """Room for a step of recurrent layers. Each map is [layers, columns, features], columns being (datum, pixel).

    What a colour does not see may hold anything: its weights there are zero.

    Args:
        like: a tensor of the type and on the device of the room.
        layers, columns: how many.
        wide, narrow: how many features each colour has, in what goes from layer to layer, and in the states.
        mirrored: whether there is a scan from the right.

    Attributes:
        known: what the gates read of other pixels; for each colour o, i, f, g.
        before: the cell states that flow in.
        hidden, cell: the states.
        z: what enters the layers.
        left: what leaves them.
        mirrored: what the scan from the right adds to the states, and their sum; empty without one.
        rooms: of each colour, of each layer: its part of all these.
        wholes: of each layer: all of z, of the states with what was added, and of left.
    """

    def __init__(
        self, like: Tensor, layers: int, columns: int, wide: list[int], narrow: list[int], mirrored: bool
    ) -> None:
        sizes = [[4 * size for size in narrow], narrow, narrow, narrow, wide, wide, *([narrow] * (2 * mirrored))]
        maps = [like.new_zeros(layers, columns, sum(each)) for each in sizes]
        self.known, self.before, self.hidden, self.cell, self.z, self.left, *more = maps
        self.mirrored = more
        parts = zip(*(rooms(*each) for each in zip(maps, sizes, strict=True)), strict=True)
        self.rooms = [list(zip(*colour, strict=True)) for colour in parts]
        self.wholes = list(zip(self.z, more[1] if more else self.hidden, self.left, strict=True))


class LSTMSteps(Steps):
    """Recurrent layers in a walk, and where they are bidirectional, the scan from the right, a row at a time.

    Args:
        stack: at least one block.
        colours, height, width: of the images.
        groups: the pixels of each step; single ones in raster order, where there is a scan from the right.
    """

    def __init__(self, stack: LSTMStack, colours: int, height: int, width: int, groups: Sequence[Tensor]) -> None:
        self.blocks, self.groups, self.count, self.width = list(stack.blocks), groups, height * width, width
        self.lstms = [block.lstm for block in self.blocks]
        self.sweep, features = self.lstms[0].sweep, self.lstms[0].hidden.shape[1]
        wide, narrow = colour_groups(2 * features, colours), colour_groups(features, colours)
        self.wide, self.narrow = wide.bincount().tolist(), narrow.bincount().tolist()
        self.residual = self.blocks[0].residual
        self.expand, self.skips = (
            transposed([by_colour(each.mask * each.weight, each.bias, wide) for each in layers])
            for layers in ([block.expand for block in self.blocks], stack.skips)
        )
        self._gates(wide, narrow)
        self._neighbours()
        self.mirrored = Mirrored(self.lstms) if len(self.sweep.inputs) > 1 else None

    def _gates(self, wide: Tensor, narrow: Tensor) -> None:
        """The weights of the gates in the first direction: by colour, and in each colour o, i, f, g."""
        order, features = narrow.repeat(4).argsort(stable=True), len(wide)
        groups = narrow.repeat(4)[order]
        weights = [[w[0, order], u[:, 0, order], b[0, order, 0]] for w, u, b in (lstm.weights for lstm in self.lstms)]
        self.inputs = transposed([by_colour(w[:, :features], b, groups) for w, _, b in weights])
        self.left = torch.stack([w[:, features:].T for w, _, _ in weights])  # of the left neighbour, where it is read
        self.states = torch.stack([u.mT.flatten(0, 1) for _, u, _ in weights])  # [layers, taps · h, 4h]
        self.bias = torch.stack([b for *_, b in weights])[:, None]

    def _neighbours(self) -> None:
        """Where the pixels of each step read their neighbours."""
        read, pixels = self.sweep.states_read, self.sweep.inputs[0]
        self.reads = places(read, self.groups)
        self.flows = read[:, self.sweep.cell].to(self.bias.device)  # whose cell state flows in
        self.cells = places(self.flows[:, None], self.groups)
        left = pixels[1:, pixels[0].argsort()].T
        self.lefts = places(torch.where(left < 0, self.count, left), self.groups)

    def maps(self, n: int) -> LSTMMaps:
        layers, features = self.states.shape[0], self.left.shape[2] // 4
        z = self.bias.new_zeros(layers, n, self.count + 1, 2 * features)
        hidden, cell = (self.bias.new_zeros(layers, n, self.count + 2, features) for _ in range(2))
        for layer, lstm in enumerate(self.lstms):
            hidden[layer, :, -1], cell[layer, :, -1] = lstm.hidden[0], lstm.cell[0]
        return LSTMMaps(z, hidden, cell, None)

    def absorb(self, x: Tensor, right: Tensor | None, step: int) -> LSTMMaps:
        maps = self.maps(len(x))
        h, *more = (each.permute(1, 2, 3, 0).flatten(1, 2) for each in (x, right) if each is not None)
        mirrored = []
        for layer, block in enumerate(self.blocks):
            lstm, read = block.lstm, (h, *(more or [h]))[: len(self.sweep.inputs)]
            hidden, cells = lstm_states(read, lstm.weights, (lstm.hidden, lstm.cell), self.sweep)
            at, count = self.sweep.outputs[0].to(x.device), self.count
            maps.z[layer, :, :count] = h.permute(2, 1, 0)
            maps.hidden[layer, :, :count] = hidden[0, :, at].permute(2, 1, 0)
            maps.cell[layer].index_copy_(1, self.flows, cells[0, :, at].permute(2, 1, 0))
            mirrored.append(hidden[1:])
            h, more = block.after(h, lstm.collect(hidden)), []
        return maps if self.mirrored is None else replace(maps, right=self._row_done(mirrored, step))

    def _row_done(self, hidden: Sequence[Tensor], step: int) -> Tensor | None:
        """The states of the scan from the right in the row above that of the last pixel before a step."""
        row = (step - 1) // self.width - 1
        if row < 0:
            return None
        pixels = torch.arange(row * self.width, (row + 1) * self.width)
        at = self.sweep.inputs[1, 0].argsort()[pixels].to(hidden[0].device)
        return torch.stack([each[0, :, at].permute(2, 1, 0) for each in hidden])

    def begin(
        self, maps: LSTMMaps, step: int, right: Tensor | None, desk: LSTMDesk | None
    ) -> tuple[LSTMMaps, LSTMDesk]:
        layers, n, _, features = maps.hidden.shape
        pixels = len(self.groups[step])
        desk = desk or LSTMDesk(maps.z, layers, n * pixels, self.wide, self.narrow, self.mirrored is not None)
        if self.mirrored is not None:
            maps, above = self._from_the_right(self.mirrored, maps, step, right)
            desk.mirrored[0].copy_(above.flatten(1, 2))
        torch.baddbmm(self.bias, gathered(maps.hidden, self.reads[step], pixels), self.states, out=desk.known)
        if self.left.shape[1]:
            desk.known.baddbmm_(gathered(maps.z, self.lefts[step], pixels), self.left)
        torch.index_select(maps.cell, 2, self.cells[step], out=desk.before.view(layers, n, pixels, features))
        return maps, desk

    def _from_the_right(
        self, scan: Mirrored, maps: LSTMMaps, step: int, right: Tensor | None
    ) -> tuple[LSTMMaps, Tensor]:
        """What the scan from the right adds at a pixel; at the first of a row it is run through the row above."""
        row, column = divmod(step, self.width)
        if row and not column:
            z = maps.z[:, :, (row - 1) * self.width : row * self.width]
            maps = replace(maps, right=scan.row(z, maps.right, right))
        if maps.right is None:
            return maps, torch.zeros_like(maps.hidden[:, :, :1])
        return maps, maps.right[:, :, column : column + 1]

    def climb(self, desk: LSTMDesk, colour: int, z: Tensor) -> Tensor:
        layers = zip(self.inputs[colour], self.expand[colour], desk.rooms[colour], desk.wholes, strict=True)
        for gates, expand, (known, before, hidden, cell, entered, left, *mirrored), (seen, states, _) in layers:
            entered.copy_(z)
            flow(torch.addmm(known, seen, gates.weight), before, cell, hidden)
            if mirrored:
                above, outputs = mirrored
                torch.add(hidden, above, out=outputs)
            y = torch.addmm(expand.bias, states, expand.weight)
            z = torch.add(y, z, out=left) if self.residual else left.copy_(y)
        for skip, (*_, left) in zip(self.skips[colour] if self.skips else (), desk.wholes, strict=False):
            z = torch.addmm(z, left, skip.weight).add_(skip.bias)
        return z

    def end(self, maps: LSTMMaps, desk: LSTMDesk, pixels: Tensor) -> None:
        for known, mine in ((maps.z, desk.z), (maps.hidden, desk.hidden), (maps.cell, desk.cell)):
            layers, n, _, features = known.shape
            known.index_copy_(2, pixels, mine.view(layers, n, len(pixels), features))


class Mirrored:
    """The scan of the layers from the right, in a row whose pixels are known.

    Args:
        lstms: bidirectional layers.
    """

    def __init__(self, lstms: Sequence[ImageLSTM]) -> None:
        weights = [[each[..., 1, :, :] for each in lstm.weights] for lstm in lstms]
        self.inputs = torch.stack([w.T for w, _, _ in weights])  # [layers, 2h, 4h]
        self.above, self.beside = (torch.stack([u[tap].T for _, u, _ in weights]) for tap in range(2))
        self.bias = torch.stack([b.T for *_, b in weights])
        self.hidden, self.cell = (
            torch.stack([each[1] for each in states])[:, None]
            for states in zip(*((lstm.hidden, lstm.cell) for lstm in lstms), strict=True)
        )  # [layers, 1, h]

    def row(self, z: Tensor, above: Tensor | None, right: Tensor | None) -> Tensor:
        """The hidden states of a row, [layers, n, W, h].

        Args:
            z: what enters the layers there, [layers, n, W, 2h].
            above: the states of the row above it; None for the first.
            right: what the first layer reads in place of z, [n, W, 2h].
        """
        layers, n, width, _ = z.shape
        if right is not None:
            z = torch.cat([right[None], z[1:]])
        hidden, cell = (each.expand(-1, n, -1) for each in (self.hidden, self.cell))
        above = self.hidden.expand(-1, n * width, -1) if above is None else above.flatten(1, 2)
        known = torch.baddbmm(self.bias, z.flatten(1, 2), self.inputs).baddbmm_(above, self.above)
        known = known.view(layers, n, width, known.shape[2])
        states = known.new_empty(layers, n, width, hidden.shape[2])
        for column in reversed(range(width)):
            opened = torch.baddbmm(known[:, :, column], hidden, self.beside)
            hidden, before, cell = states[:, :, column], cell, torch.empty_like(cell)
            flow(opened, before, cell, hidden)
        return states


def flow(gates: Tensor, before: Tensor, cell: Tensor, hidden: Tensor) -> None:
    """The new states of an LSTM, into `cell` and `hidden`, from its gates o, i, f, g [..., 4h], which are overwritten.

    Source: PixelRNN (arXiv:1601.06759), equation 3.
    """
    features = hidden.shape[-1]
    opened, new = torch.split(gates, [3 * features, features], -1)
    o, i, f = opened.sigmoid_().chunk(3, -1)
    torch.mul(f, before, out=cell).addcmul_(i, new.tanh_())
    torch.mul(o, cell.tanh(), out=hidden)


def transposed(by_layer: Sequence[Sequence[Product]]) -> list[tuple[Product, ...]]:
    """Of each colour, the product of each layer, from those of each layer."""
    return list(zip(*by_layer, strict=True))
