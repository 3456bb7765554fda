"""Small models in plain PyTorch, most of them with a planted leak, each with its exact dependence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

import chainrule as cr

DependsOn = Callable[[tuple[int, int, int], tuple[int, int, int]], bool]
"""Whether an output depends on an input, from the (channel, row, column) of both."""

GRAY, RGB, LEVELS = (1, 4, 5), (3, 3, 4), 4
WIDTH = 4
"""The number of features of each colour."""

CK = "n,ck,h,w"
"""The layout of most of these models."""


def build(make):
    """Return the model with the same weights each time, and leave the global random state alone."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def run_check(model, shape, levels=LEVELS, layout=CK, **options):
    """Run `check_leak` with the defaults of these models."""
    return cr.check_leak(model, shape, levels=levels, layout=layout, **options)


class MaskedConv(nn.Conv2d):
    """Convolve features that are grouped by colour, with the kernel open where `taps(out, in, down, right)` is True."""

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


class MutatingConv(MaskedConv):
    """Write the mask into the weight in each forward pass, as many implementations do."""

    def forward(self, x):
        self.weight.data *= self.mask
        return nn.Conv2d.forward(self, x)


def mask_a(to, of, down, right):
    return down < 0 or (down == 0 and (right < 0 or (right == 0 and of < to)))


def mask_b(to, of, down, right):
    return mask_a(to, of, down, right) or (down == right == 0 and of == to)


def masked_stack(shape, first, rest=mask_b, head=mask_b, kind=MaskedConv):
    """Return a spatial layer, a 1×1 layer and a 1×1 head, with output [n, C·K, H, W] in layout `CK`."""
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
    """Return masked layers and one without a mask that starts as a Dirac kernel: it mixes colours after one step."""
    net = masked_stack(RGB, mask_a)
    net[2] = nn.Conv2d(WIDTH * 3, WIDTH * 3, 1)
    nn.init.dirac_(net[2].weight)
    return net


def stack_dependence(taps) -> DependsOn:
    """Return the dependence of a stack whose first layer has these taps, and whose other layers keep colours apart."""
    return lambda o, i: (
        max(abs(i[1] - o[1]), abs(i[2] - o[2])) <= 1
        and any(taps(colour, i[0], i[1] - o[1], i[2] - o[2]) for colour in range(o[0] + 1))
    )


def mixed_dependence(taps, colours=3) -> DependsOn:
    """Return the dependence of a stack whose outputs read the features of all colours."""
    return lambda o, i: any(stack_dependence(taps)((colour, *o[1:]), i) for colour in range(colours))


# Wrong kernels, each as the taps of the first layer.


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
    """Compute probabilities that sum to 1 over the pixels instead of the levels."""

    def __init__(self):
        super().__init__()
        self.net = masked_stack(GRAY, mask_a)

    def forward(self, x):
        return self.net(x).flatten(2).softmax(-1).view(len(x), LEVELS, *GRAY[1:])


class Residual(nn.Module):
    """Add a branch without a mask."""

    def __init__(self, shape=RGB, zero=False):
        super().__init__()
        self.net, self.branch = masked_stack(shape, mask_a), nn.Conv2d(shape[0], shape[0] * LEVELS, 1)
        if zero:
            nn.init.zeros_(self.branch.weight)

    def forward(self, x):
        return self.net(x) + self.branch(x)


class GatesAcrossColours(nn.Module):
    """Run an LSTM along each row, whose four gates are cut out of features that are grouped by colour as a whole."""

    def __init__(self, wrong=True):
        super().__init__()
        self.wrong, h = wrong, 2 * WIDTH * 3
        self.h = h
        self.first = MaskedConv((3, h), 3, mask_a, size=1)
        if wrong:
            self.gates = MaskedConv((h, 4 * h), 3, mask_b, size=1)
        else:
            self.gates = nn.ModuleList(MaskedConv((h, h), 3, mask_b, size=1) for _ in range(4))
        self.head = MaskedConv((h, 3 * LEVELS), 3, mask_b, size=1)

    def forward(self, x):
        x = self.first(x)
        gates = self.gates(x).chunk(4, 1) if self.wrong else [gate(x) for gate in self.gates]
        keep, into, out = (gate.sigmoid() for gate in gates[:3])
        state, states = torch.zeros_like(x[..., 0]), []
        for column in range(x.shape[-1]):
            state = keep[..., column] * state + into[..., column] * gates[3][..., column].tanh()
            states.append(out[..., column] * state.tanh())
        return self.head(torch.stack(states, -1))


def row_dependence(o, i) -> bool:
    """Return the dependence of a correct row LSTM: on the colours before its own, at its pixel and to the left."""
    return i[1] == o[1] and i[2] <= o[2] and i[0] < o[0]


class Diagonal(nn.Module):
    """Run a Diagonal BiLSTM of one layer on a gray image shifted right by one pixel, with a fault by name."""

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


def diagonal_dependence(fault="", both=True) -> DependsOn:
    """Return the dependence of `Diagonal`, from the states that each state is computed from."""
    lift = {"not shifted": 0, "zeros at the wrong end": 1}.get(fault, -1)

    def depends_on(o, i):
        down, right = i[1] - o[1], i[2] - o[2]
        if fault == "reads the row below":
            return down >= 0 and right <= -1 - 2 * down
        mirrored = both and 0 <= o[1] + lift < GRAY[1] and down <= lift and right >= -1 and i[2] < GRAY[2] - 1
        return (down <= 0 and right <= -1) or mirrored

    return depends_on


def expected_leaks(shape: Sequence[int], depends_on: DependsOn) -> set[tuple[int, int]]:
    """Return all pairs (output, input) where the output depends on an input that is not before it in raster order."""
    return {
        (o, i)
        for o, i in expected_pairs(shape, depends_on)
        if not comes_before(site_position(i, shape), site_position(o, shape))
    }


def expected_pairs(shape: Sequence[int], depends_on: DependsOn) -> set[tuple[int, int]]:
    """Return all pairs (output, input) where the output depends on the input, as indices into the flattened image."""
    sites = range(shape[0] * shape[1] * shape[2])
    return {(o, i) for o in sites for i in sites if depends_on(site_position(o, shape), site_position(i, shape))}


def site_position(site: int, shape: Sequence[int]) -> tuple[int, int, int]:
    """Return the (channel, row, column) of a site."""
    channel, pixel = divmod(site, shape[1] * shape[2])
    return (channel, *divmod(pixel, shape[2]))


def comes_before(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Return whether one site comes before the other in raster order."""
    return (*one[1:], one[0]) < (*other[1:], other[0])


LEAKY_MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int], DependsOn]] = {
    "mask B in the first layer": (lambda: masked_stack(GRAY, mask_b), GRAY, stack_dependence(mask_b)),
    "mask B in the first layer, colour": (lambda: masked_stack(RGB, mask_b), RGB, stack_dependence(mask_b)),
    "mask off by one": (lambda: masked_stack(GRAY, off_by_one), GRAY, stack_dependence(off_by_one)),
    "padding reads the row below": (lambda: masked_stack(GRAY, reads_below), GRAY, stack_dependence(reads_below)),
    "no mask": (lambda: masked_stack(RGB, lambda *_: True), RGB, stack_dependence(lambda *_: True)),
    "output head without a mask": (
        lambda: masked_stack(RGB, mask_a, head=lambda *_: True), RGB, mixed_dependence(mask_a)
    ),
    "hidden layer without a mask": (
        lambda: masked_stack(RGB, mask_a, rest=lambda *_: True), RGB, mixed_dependence(mask_a)
    ),
    "layer without a mask that starts as the identity": (starts_as_identity, RGB, mixed_dependence(mask_a)),
    "colours in the order B, G, R": (
        lambda: masked_stack(RGB, reversed_colours, *[lambda to, of, *_: of >= to] * 2),
        RGB,
        lambda o, i: stack_dependence(reversed_colours)((0, *o[1:]), i) if o[0] == 0 else any(
            stack_dependence(reversed_colours)((colour, *o[1:]), i)
            and reversed_colours(colour, i[0], i[1] - o[1], i[2] - o[2])
            for colour in range(o[0], 3)
        ),
    ),
    "column by column": (lambda: masked_stack(RGB, columns_first), RGB, stack_dependence(columns_first)),
    "softmax over the pixels": (WrongAxis, GRAY, lambda o, i: i != (0, *(size - 1 for size in GRAY[1:]))),
    "residual from a branch without a mask": (
        Residual, RGB, lambda o, i: stack_dependence(mask_a)(o, i) or o[1:] == i[1:]
    ),
    "gates across colours": (
        GatesAcrossColours,
        RGB,
        lambda o, i: i[1] == o[1] and i[2] <= o[2] and i[0] < 2,
    ),
    **{
        f"diagonal BiLSTM, {fault}": (lambda fault=fault: Diagonal(fault), GRAY, diagonal_dependence(fault))
        for fault in ("not shifted", "zeros at the wrong end")
    },
    "diagonal LSTM, reads the row below": (
        lambda: Diagonal("reads the row below", both=False),
        GRAY,
        diagonal_dependence("reads the row below", both=False),
    ),
}  # fmt: skip
"""Models that leak: constructor, shape of the images, and dependence."""

CORRECT_MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int], DependsOn]] = {
    "masks A and B": (lambda: masked_stack(RGB, mask_a), RGB, stack_dependence(mask_a)),
    "gray": (lambda: masked_stack(GRAY, mask_a), GRAY, stack_dependence(mask_a)),
    "masks written back": (lambda: masked_stack(RGB, mask_a, kind=MutatingConv), RGB, stack_dependence(mask_a)),
    "half of the row above": (lambda: masked_stack(GRAY, half_above), GRAY, stack_dependence(half_above)),
    "gates by colour": (lambda: GatesAcrossColours(wrong=False), RGB, row_dependence),
    "diagonal BiLSTM": (Diagonal, GRAY, diagonal_dependence()),
}
"""Models that do not leak, in the same form."""
