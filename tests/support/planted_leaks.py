"""Small models in plain torch, as found in the wild: some right, most with a fault, each with what it sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

Sees = Callable[[tuple[int, int, int], tuple[int, int, int]], bool]
"""From the (channel, row, column) of an output and of an input: does the one see the other?"""

GRAY, RGB, LEVELS = (1, 4, 5), (3, 3, 4), 4
WIDTH = 4
"""Features of each colour."""


class Masked(nn.Conv2d):
    """A convolution whose features are grouped by colour, open where `taps(colour, colour in, down, right)` says."""

    def __init__(self, channels, colours, taps, size=3):
        super().__init__(channels[0], channels[1], size, padding=size // 2)
        mask = torch.zeros_like(self.weight)
        for to in range(channels[1]):
            for of in range(channels[0]):
                for row in range(size):
                    for column in range(size):
                        out, into = to * colours // channels[1], of * colours // channels[0]
                        mask[to, of, row, column] = taps(out, into, row - size // 2, column - size // 2)
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class Mutating(Masked):
    """The same, as most write it."""

    def forward(self, x):
        self.weight.data *= self.mask
        return nn.Conv2d.forward(self, x)


def mask_a(to, of, down, right):
    return down < 0 or (down == 0 and (right < 0 or (right == 0 and of < to)))


def mask_b(to, of, down, right):
    return mask_a(to, of, down, right) or (down == right == 0 and of == to)


def stack(shape, first, rest=mask_b, head=mask_b, kind=Masked):
    """A spatial layer, a 1×1 layer and a 1×1 head: [n, C·K, H, W], the channels slower."""
    colours = shape[0]
    features = WIDTH * colours
    return nn.Sequential(
        kind((colours, features), colours, first),
        nn.ELU(),
        kind((features, features), colours, rest, size=1),
        nn.ELU(),
        kind((features, colours * LEVELS), colours, head, size=1),
    )


def starts_as_identity():
    """Among masked layers one without a mask, whose weight is a Dirac kernel: it mixes colours after one step."""
    net = stack(RGB, mask_a)
    net[2] = nn.Conv2d(WIDTH * 3, WIDTH * 3, 1)
    nn.init.dirac_(net[2].weight)
    return net


def sees_by(taps) -> Sees:
    """What a stack sees whose first layer has those taps, and whose others keep colours apart."""
    return lambda o, i: (
        max(abs(i[1] - o[1]), abs(i[2] - o[2])) <= 1
        and any(taps(colour, i[0], i[1] - o[1], i[2] - o[2]) for colour in range(o[0] + 1))
    )


def any_colour(taps, colours=3) -> Sees:
    """What a stack sees whose outputs read the features of all colours."""
    return lambda o, i: any(sees_by(taps)((colour, *o[1:]), i) for colour in range(colours))


# Kernels that are off, each as its first layer's taps.


def off_by_one(to, of, down, right):
    return down < 0 or (down == 0 and right < 2)


def reads_below(to, of, down, right):
    return down > 0 or (down == 0 and right < 0)


def half_above(to, of, down, right):
    return (down, right) in {(-1, -1), (-1, 0), (0, -1)}


def reversed_colours(to, of, down, right):
    return mask_a(-to, -of, down, right)


def columns_first(to, of, down, right):
    return right < 0 or (right == 0 and (down < 0 or (down == 0 and of < to)))


class WrongAxis(nn.Module):
    """Probabilities that sum to 1 over the pixels."""

    def __init__(self):
        super().__init__()
        self.net = stack(GRAY, mask_a)

    def forward(self, x):
        return self.net(x).flatten(2).softmax(-1).view(len(x), LEVELS, *GRAY[1:])


class Residual(nn.Module):
    """A branch without a mask is added."""

    def __init__(self, shape=RGB, zero=False):
        super().__init__()
        self.net, self.branch = stack(shape, mask_a), nn.Conv2d(shape[0], shape[0] * LEVELS, 1)
        if zero:
            nn.init.zeros_(self.branch.weight)

    def forward(self, x):
        return self.net(x) + self.branch(x)


class GatesAcrossColours(nn.Module):
    """An LSTM along each row; its four gates are cut out of features that are grouped by colour as a whole."""

    def __init__(self, wrong=True):
        super().__init__()
        self.wrong, h = wrong, 2 * WIDTH * 3
        self.h = h
        self.first = Masked((3, h), 3, mask_a, size=1)
        if wrong:
            self.gates = Masked((h, 4 * h), 3, mask_b, size=1)
        else:
            self.gates = nn.ModuleList(Masked((h, h), 3, mask_b, size=1) for _ in range(4))
        self.head = Masked((h, 3 * LEVELS), 3, mask_b, size=1)

    def forward(self, x):
        x = self.first(x)
        gates = self.gates(x).chunk(4, 1) if self.wrong else [gate(x) for gate in self.gates]
        keep, into, out = (gate.sigmoid() for gate in gates[:3])
        state, states = torch.zeros_like(x[..., 0]), []
        for column in range(x.shape[-1]):
            state = keep[..., column] * state + into[..., column] * gates[3][..., column].tanh()
            states.append(out[..., column] * state.tanh())
        return self.head(torch.stack(states, -1))


def along_the_row(o, i) -> bool:
    """What the LSTM above sees when it is right: the colours before its own, from its pixel to the left."""
    return i[1] == o[1] and i[2] <= o[2] and i[0] < o[0]


class Diagonal(nn.Module):
    """A Diagonal BiLSTM of one layer on a gray image, its input shifted right by one pixel; faults by name."""

    def __init__(self, fault="", both=True):
        super().__init__()
        self.fault, self.both = fault, both
        self.into = nn.ModuleList(nn.Conv2d(1, 4 * WIDTH, 1) for _ in range(2))
        self.across = nn.ModuleList(nn.Conv1d(WIDTH, 4 * WIDTH, 2) for _ in range(2))
        self.head = nn.Conv2d(WIDTH, LEVELS, 1)

    def forward(self, x):
        x = F.pad(x, (1, -1))
        out = self.scan(x, 0)
        if self.both:
            back = self.scan(x.flip(3), 1).flip(3)
            below = {"not shifted": (0, 0), "zeros at the wrong end": (-1, 1)}.get(self.fault, (1, -1))
            out = out + F.pad(back, (0, 0, *below))
        return self.head(out)

    def scan(self, x, way):
        n, _, height, width = x.shape
        into = self.into[way](x)
        skewed = torch.stack([F.pad(into[:, :, row], (row, height - 1 - row)) for row in range(height)], 2)
        hidden = cell = torch.zeros(n, WIDTH, height)
        states = []
        for step in range(width + height - 1):
            side = (0, 1) if self.fault == "reads the row below" else (1, 0)
            gates = skewed[..., step] + self.across[way](F.pad(hidden, side))
            keep, take, out, content = gates.chunk(4, 1)
            cell = keep.sigmoid() * cell + take.sigmoid() * content.tanh()
            hidden = out.sigmoid() * cell.tanh()
            states.append(hidden)
        states = torch.stack(states, 3)
        return torch.stack([states[:, :, row, row : row + width] for row in range(height)], 2)


def diagonal_sees(fault="", both=True) -> Sees:
    """What it sees, by which states a state is made from."""
    lift = {"not shifted": 0, "zeros at the wrong end": 1}.get(fault, -1)

    def sees(o, i):
        down, right = i[1] - o[1], i[2] - o[2]
        if fault == "reads the row below":
            return down >= 0 and right <= -1 - 2 * down
        mirrored = both and 0 <= o[1] + lift < GRAY[1] and down <= lift and right >= -1 and i[2] < GRAY[2] - 1
        return (down <= 0 and right <= -1) or mirrored

    return sees


def leaks_of(shape: Sequence[int], sees: Sees) -> set[tuple[int, int]]:
    """Every pair (output, input) of which the one sees the other, and does not come after it in raster order."""
    return {(o, i) for o, i in pairs_of(shape, sees) if not before(place(i, shape), place(o, shape))}


def pairs_of(shape: Sequence[int], sees: Sees) -> set[tuple[int, int]]:
    """Every pair (output, input) of sites, as numbered in the flattened image, of which the one sees the other."""
    sites = range(shape[0] * shape[1] * shape[2])
    return {(o, i) for o in sites for i in sites if sees(place(o, shape), place(i, shape))}


def place(site: int, shape: Sequence[int]) -> tuple[int, int, int]:
    """A site's (channel, row, column)."""
    channel, pixel = divmod(site, shape[1] * shape[2])
    return (channel, *divmod(pixel, shape[2]))


def before(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return (*one[1:], one[0]) < (*other[1:], other[0])


PLANTED: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int], Sees]] = {
    "mask B in the first layer": (lambda: stack(GRAY, mask_b), GRAY, sees_by(mask_b)),
    "mask B in the first layer, colour": (lambda: stack(RGB, mask_b), RGB, sees_by(mask_b)),
    "mask off by one": (lambda: stack(GRAY, off_by_one), GRAY, sees_by(off_by_one)),
    "padding reads the row below": (lambda: stack(GRAY, reads_below), GRAY, sees_by(reads_below)),
    "no mask": (lambda: stack(RGB, lambda *_: True), RGB, sees_by(lambda *_: True)),
    "output head without a mask": (lambda: stack(RGB, mask_a, head=lambda *_: True), RGB, any_colour(mask_a)),
    "hidden layer without a mask": (lambda: stack(RGB, mask_a, rest=lambda *_: True), RGB, any_colour(mask_a)),
    "layer without a mask that starts as the identity": (starts_as_identity, RGB, any_colour(mask_a)),
    "colours in the order B, G, R": (
        lambda: stack(RGB, reversed_colours, *[lambda to, of, *_: of >= to] * 2),
        RGB,
        lambda o, i: sees_by(reversed_colours)((0, *o[1:]), i) if o[0] == 0 else any(
            sees_by(reversed_colours)((colour, *o[1:]), i) and reversed_colours(colour, i[0], i[1] - o[1], i[2] - o[2])
            for colour in range(o[0], 3)
        ),
    ),
    "column by column": (lambda: stack(RGB, columns_first), RGB, sees_by(columns_first)),
    "softmax over the pixels": (WrongAxis, GRAY, lambda o, i: i != (0, *(size - 1 for size in GRAY[1:]))),
    "residual from a branch without a mask": (Residual, RGB, lambda o, i: sees_by(mask_a)(o, i) or o[1:] == i[1:]),
    "gates across colours": (
        GatesAcrossColours,
        RGB,
        lambda o, i: i[1] == o[1] and i[2] <= o[2] and i[0] < 2,
    ),
    **{
        f"diagonal BiLSTM, {fault}": (lambda fault=fault: Diagonal(fault), GRAY, diagonal_sees(fault))
        for fault in ("not shifted", "zeros at the wrong end")
    },
    "diagonal LSTM, reads the row below": (
        lambda: Diagonal("reads the row below", both=False), GRAY, diagonal_sees("reads the row below", both=False)
    ),
}  # fmt: skip
"""Each leaks: how it is made, for images of which shape, and who sees whom."""

RIGHT: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int], Sees]] = {
    "masks A and B": (lambda: stack(RGB, mask_a), RGB, sees_by(mask_a)),
    "gray": (lambda: stack(GRAY, mask_a), GRAY, sees_by(mask_a)),
    "masks written back": (lambda: stack(RGB, mask_a, kind=Mutating), RGB, sees_by(mask_a)),
    "half of the row above": (lambda: stack(GRAY, half_above), GRAY, sees_by(half_above)),
    "gates by colour": (lambda: GatesAcrossColours(wrong=False), RGB, along_the_row),
    "diagonal BiLSTM": (Diagonal, GRAY, diagonal_sees()),
}
"""None leaks."""
