"""The stepper of PixelRNN's recurrent layers, and the layout of its cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from chainrule.layers.lstm import ImageLSTM, LSTMStack
from chainrule.layers.masks import colour_groups
from chainrule.layers.scan import lstm_states
from chainrule.sampling.stack_cache import (
    ColourLinear,
    StackStepper,
    gather,
    gather_indices,
    split_buffers,
    split_by_colour,
)


@dataclass(frozen=True, eq=False)
class LSTMMaps:
    """The features of the pixels so far, each [layers, n, P + 1 or P + 2, features].

    Index P stands for zero padding, P + 1 for the learned initial state.

    Attributes:
        z: the inputs of the layers.
        hidden, cell: the states of the first direction.
        right: the hidden states of the scan from the right in the last finished row, [layers, n, W, h]; None
            where there is no such scan, or no finished row. A new row replaces it.
    """

    z: Tensor
    hidden: Tensor
    cell: Tensor
    right: Tensor | None


class LSTMBuffers:
    """The buffers of a step of recurrent layers, [layers, columns, features], where a column is a pixel of a datum.

    Features that a colour may not depend on can hold any finite value: the weights there are zero.

    Args:
        reference: a tensor with the dtype and device of the buffers.
        layers, columns: the numbers of layers and columns.
        wide, narrow: the number of features of each colour, in the maps between layers and in the states.
        mirrored: whether there is a scan from the right.

    Attributes:
        neighbours: the part of the gates that comes from other pixels; for each colour o, i, f, g.
        before: the cell states that flow in.
        hidden, cell: the states.
        z: the inputs of the layers.
        outputs: the outputs of the layers.
        mirrored: the states of the scan from the right, and their sum with the hidden states; empty without this scan.
        by_colour: for each colour and layer, its part of these buffers.
        whole: for each layer, all features of z, of the summed states, and of the outputs.
    """

    def __init__(
        self, reference: Tensor, layers: int, columns: int, wide: list[int], narrow: list[int], mirrored: bool
    ) -> None:
        sizes = [[4 * size for size in narrow], narrow, narrow, narrow, wide, wide, *([narrow] * (2 * mirrored))]
        maps = [reference.new_zeros(layers, columns, sum(each)) for each in sizes]
        self.neighbours, self.before, self.hidden, self.cell, self.z, self.outputs, *more = maps
        self.mirrored = more
        parts = zip(*(split_buffers(*each) for each in zip(maps, sizes, strict=True)), strict=True)
        self.by_colour = [list(zip(*colour, strict=True)) for colour in parts]
        self.whole = list(zip(self.z, more[1] if more else self.hidden, self.outputs, strict=True))


class LSTMStepper(StackStepper):
    """Compute recurrent layers step by step. Where they are bidirectional, the scan from the right runs once a row.

    Args:
        stack: with at least one block.
        colours, height, width: of the images.
        groups: the pixels of each step; one pixel a step, in raster order, where there is a scan from the right.
    """

    def __init__(self, stack: LSTMStack, colours: int, height: int, width: int, groups: Sequence[Tensor]) -> None:
        self.blocks, self.groups, self.count, self.width = list(stack.blocks), groups, height * width, width
        self.lstms = [block.lstm for block in self.blocks]
        self.plan, features = self.lstms[0].plan, self.lstms[0].hidden.shape[1]
        wide, narrow = colour_groups(2 * features, colours), colour_groups(features, colours)
        self.wide, self.narrow = wide.bincount().tolist(), narrow.bincount().tolist()
        self.residual = self.blocks[0].residual
        self.expand, self.skips = (
            transpose([split_by_colour(each.mask * each.weight, each.bias, wide) for each in layers])
            for layers in ([block.expand for block in self.blocks], stack.skips)
        )
        self._prepare_gates(wide, narrow)
        self._prepare_indices()
        self.mirrored = MirroredScan(self.lstms) if len(self.plan.inputs) > 1 else None

    def _prepare_gates(self, wide: Tensor, narrow: Tensor) -> None:
        """Sort the weights of the gates in the first direction by colour, and within each colour by gate o, i, f, g."""
        order, features = narrow.repeat(4).argsort(stable=True), len(wide)
        groups = narrow.repeat(4)[order]
        weights = [[w[0, order], u[:, 0, order], b[0, order, 0]] for w, u, b in (lstm.weights for lstm in self.lstms)]
        self.inputs = transpose([split_by_colour(w[:, :features], b, groups) for w, _, b in weights])
        self.left = torch.stack(
            [w[:, features:].T for w, _, _ in weights]
        )  # for the left neighbour, where a layer reads it
        self.states = torch.stack([u.mT.flatten(0, 1) for _, u, _ in weights])  # [layers, taps · h, 4h]
        self.bias = torch.stack([b for *_, b in weights])[:, None]

    def _prepare_indices(self) -> None:
        """Find the indices at which the pixels of each step read the states and inputs of other pixels."""
        sources, pixels = self.plan.state_sources, self.plan.inputs[0]
        self.hidden_indices = gather_indices(sources, self.groups)
        self.cell_sources = sources[:, self.plan.cell_tap].to(self.bias.device)  # the pixel whose cell state flows in
        self.cell_indices = gather_indices(self.cell_sources[:, None], self.groups)
        left = pixels[1:, pixels[0].argsort()].T
        self.left_indices = gather_indices(torch.where(left < 0, self.count, left), self.groups)

    def init_maps(self, n: int) -> LSTMMaps:
        layers, features = self.states.shape[0], self.left.shape[2] // 4
        z = self.bias.new_zeros(layers, n, self.count + 1, 2 * features)
        hidden, cell = (self.bias.new_zeros(layers, n, self.count + 2, features) for _ in range(2))
        for layer, lstm in enumerate(self.lstms):
            hidden[layer, :, -1], cell[layer, :, -1] = lstm.hidden[0], lstm.cell[0]
        return LSTMMaps(z, hidden, cell, None)

    def prefill(self, x: Tensor, right: Tensor | None, step: int) -> LSTMMaps:
        maps = self.init_maps(len(x))
        h, *more = (each.permute(1, 2, 3, 0).flatten(1, 2) for each in (x, right) if each is not None)
        mirrored = []
        for layer, block in enumerate(self.blocks):
            lstm, read = block.lstm, (h, *(more or [h]))[: len(self.plan.inputs)]
            hidden, cells = lstm_states(read, lstm.weights, (lstm.hidden, lstm.cell), self.plan)
            at, count = self.plan.outputs[0].to(x.device), self.count
            maps.z[layer, :, :count] = h.permute(2, 1, 0)
            maps.hidden[layer, :, :count] = hidden[0, :, at].permute(2, 1, 0)
            maps.cell[layer].index_copy_(1, self.cell_sources, cells[0, :, at].permute(2, 1, 0))
            mirrored.append(hidden[1:])
            h, more = block.expand_states(h, lstm.gather_outputs(hidden)), []
        return maps if self.mirrored is None else replace(maps, right=self._last_row(mirrored, step))

    def _last_row(self, hidden: Sequence[Tensor], step: int) -> Tensor | None:
        """Return the states of the scan from the right in the row above the last pixel before a step."""
        row = (step - 1) // self.width - 1
        if row < 0:
            return None
        pixels = torch.arange(row * self.width, (row + 1) * self.width)
        at = self.plan.inputs[1, 0].argsort()[pixels].to(hidden[0].device)
        return torch.stack([each[0, :, at].permute(2, 1, 0) for each in hidden])

    def begin_step(
        self, maps: LSTMMaps, step: int, right: Tensor | None, buffers: LSTMBuffers | None
    ) -> tuple[LSTMMaps, LSTMBuffers]:
        layers, n, _, features = maps.hidden.shape
        pixels = len(self.groups[step])
        mirrored = self.mirrored is not None
        buffers = buffers or LSTMBuffers(maps.z, layers, n * pixels, self.wide, self.narrow, mirrored)
        if self.mirrored is not None:
            maps, above = self._states_from_right(self.mirrored, maps, step, right)
            buffers.mirrored[0].copy_(above.flatten(1, 2))
        torch.baddbmm(
            self.bias, gather(maps.hidden, self.hidden_indices[step], pixels), self.states, out=buffers.neighbours
        )
        if self.left.shape[1]:
            buffers.neighbours.baddbmm_(gather(maps.z, self.left_indices[step], pixels), self.left)
        before = buffers.before.view(layers, n, pixels, features)
        torch.index_select(maps.cell, 2, self.cell_indices[step], out=before)
        return maps, buffers

    def _states_from_right(
        self, scan: MirroredScan, maps: LSTMMaps, step: int, right: Tensor | None
    ) -> tuple[LSTMMaps, Tensor]:
        """Return the states that the scan from the right adds at a pixel; the first pixel of a row runs the scan."""
        row, column = divmod(step, self.width)
        if row and not column:
            z = maps.z[:, :, (row - 1) * self.width : row * self.width]
            maps = replace(maps, right=scan.scan_row(z, maps.right, right))
        if maps.right is None:
            return maps, torch.zeros_like(maps.hidden[:, :, :1])
        return maps, maps.right[:, :, column : column + 1]

    def forward(self, buffers: LSTMBuffers, colour: int, z: Tensor) -> Tensor:
        layers = zip(self.inputs[colour], self.expand[colour], buffers.by_colour[colour], buffers.whole, strict=True)
        for gates, expand, (neighbours, before, hidden, cell, inputs, outputs, *mirrored), (whole, states, _) in layers:
            inputs.copy_(z)
            update_states(torch.addmm(neighbours, whole, gates.weight), before, cell, hidden)
            if mirrored:
                above, total = mirrored
                torch.add(hidden, above, out=total)
            y = torch.addmm(expand.bias, states, expand.weight)
            z = torch.add(y, z, out=outputs) if self.residual else outputs.copy_(y)
        for skip, (*_, outputs) in zip(self.skips[colour] if self.skips else (), buffers.whole, strict=False):
            z = torch.addmm(z, outputs, skip.weight).add_(skip.bias)
        return z

    def end_step(self, maps: LSTMMaps, buffers: LSTMBuffers, pixels: Tensor) -> None:
        for known, mine in ((maps.z, buffers.z), (maps.hidden, buffers.hidden), (maps.cell, buffers.cell)):
            layers, n, _, features = known.shape
            known.index_copy_(2, pixels, mine.view(layers, n, len(pixels), features))


class MirroredScan:
    """The scan of bidirectional layers from the right, through one row whose pixels are known.

    Args:
        lstms: the bidirectional layers.
    """

    def __init__(self, lstms: Sequence[ImageLSTM]) -> None:
        weights = [[each[..., 1, :, :] for each in lstm.weights] for lstm in lstms]
        self.inputs = torch.stack([w.T for w, _, _ in weights])  # [layers, 2h, 4h]
        self.from_above, self.from_right = (torch.stack([u[tap].T for _, u, _ in weights]) for tap in range(2))
        self.bias = torch.stack([b.T for *_, b in weights])
        self.hidden, self.cell = (
            torch.stack([each[1] for each in states])[:, None]
            for states in zip(*((lstm.hidden, lstm.cell) for lstm in lstms), strict=True)
        )  # [layers, 1, h]

    def scan_row(self, z: Tensor, above: Tensor | None, right: Tensor | None) -> Tensor:
        """Return the hidden states of a row, [layers, n, W, h].

        Args:
            z: the inputs of the layers in the row, [layers, n, W, 2h].
            above: the states of the row above; None for the first row.
            right: the input of the first layer in place of z, [n, W, 2h].
        """
        layers, n, width, _ = z.shape
        if right is not None:
            z = torch.cat([right[None], z[1:]])
        hidden, cell = (each.expand(-1, n, -1) for each in (self.hidden, self.cell))
        above = self.hidden.expand(-1, n * width, -1) if above is None else above.flatten(1, 2)
        known = torch.baddbmm(self.bias, z.flatten(1, 2), self.inputs).baddbmm_(above, self.from_above)
        known = known.view(layers, n, width, known.shape[2])
        states = known.new_empty(layers, n, width, hidden.shape[2])
        for column in reversed(range(width)):
            gates = torch.baddbmm(known[:, :, column], hidden, self.from_right)
            hidden, before, cell = states[:, :, column], cell, torch.empty_like(cell)
            update_states(gates, before, cell, hidden)
        return states


def update_states(gates: Tensor, before: Tensor, cell: Tensor, hidden: Tensor) -> None:
    """Write the new states of an LSTM into `cell` and `hidden`, from its gates o, i, f, g [..., 4h].

    The gates are overwritten.

    Source: PixelRNN (arXiv:1601.06759), equation 3.
    """
    features = hidden.shape[-1]
    opened, new = torch.split(gates, [3 * features, features], -1)
    o, i, f = opened.sigmoid_().chunk(3, -1)
    torch.mul(f, before, out=cell).addcmul_(i, new.tanh_())
    torch.mul(o, cell.tanh(), out=hidden)


def transpose(by_layer: Sequence[Sequence[ColourLinear]]) -> list[tuple[ColourLinear, ...]]:
    """Turn a list by layer and colour into a list by colour and layer."""
    return list(zip(*by_layer, strict=True))
