"""The scan against autograd through a plain loop over pixels, and what each recurrent layer reads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from chainrule.domain import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.layers.lstm import DiagonalBiLSTM, RowLSTM
from chainrule.layers.masks import colour_groups
from chainrule.layers.scan import lstm_scan
from chainrule.layers.sweep import Sweep, diagonals_sweep, rows_sweep
from chainrule.models.pixelrnn import PixelRNN
from chainrule.seeding import generator

SIZES = [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (3, 5)]
SWEEPS = {"rows": rows_sweep, "diagonals": diagonals_sweep}
TAPS = {"rows": [(-1, -1), (-1, 0), (-1, 1)], "diagonals": [(-1, 0), (0, -1)]}


def loop(
    name: str, size: tuple[int, int], x: Tensor, w: Tensor, b: Tensor, u: Tensor, h0: Tensor, c0: Tensor
) -> dict[tuple[int, int], Tensor]:
    """The hidden state of each pixel, [directions, h, n]: equation 3 pixel by pixel, by (row, column), no slots."""
    height, width = size
    states: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
    pixels = sorted(((r, c) for r in range(height) for c in range(width)), key=ORDER[name])

    def state(row: int, column: int) -> tuple[Tensor, Tensor]:
        if (row, column) in states:
            return states[row, column]
        learned = name == "diagonals" or 0 <= column < width  # beside the rows of a Row LSTM there is padding
        return tuple(s[:, :, None].expand(-1, -1, x.shape[3]) * learned for s in (h0, c0))

    for k, (row, column) in enumerate(pixels):
        before = [state(row + down, column + right) for down, right in TAPS[name]]
        gates = w @ x[:, :, k] + b
        for tap, (h, _) in zip(u, before, strict=True):
            gates = gates + tap @ h
        o, i, f, g = gates.chunk(4, 1)
        c = f.sigmoid() * before[1][1] + i.sigmoid() * g.tanh()
        states[row, column] = o.sigmoid() * c.tanh(), c
    return {pixel: h for pixel, (h, _) in states.items()}


ORDER = {"rows": lambda pixel: pixel, "diagonals": lambda pixel: (sum(pixel), pixel)}


def arguments(sweep: Sweep, size: tuple[int, int], directions: int, dtype: torch.dtype) -> list[Tensor]:
    """x, W, b, U, h0, c0 for h = 2, 3 inputs, 2 data."""
    rng, pixels = generator(0), size[0] * size[1]
    shapes = [(3, pixels, 2), (8, 3), (8, 1), (8, 2), (2,), (2,)]
    drawn = [torch.randn(directions, *shape, generator=rng, dtype=dtype) for shape in shapes]
    drawn[3] = torch.randn(len(sweep.before), *drawn[3].shape, generator=rng, dtype=dtype)
    return [each.requires_grad_() for each in drawn]


def scan(sweep: Sweep, x: Tensor, w: Tensor, b: Tensor, u: Tensor, h0: Tensor, c0: Tensor) -> Tensor:
    """The hidden states by row · W + column: [directions, h, P, n]."""
    return lstm_scan(x, (w, b, u), (h0, c0), sweep)[:, :, sweep.homes]


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", SWEEPS)
def test_the_scan_and_its_gradients_are_those_of_a_loop_over_pixels(
    name: str, size: tuple[int, int], directions: int
) -> None:
    sweep = SWEEPS[name](*size)
    args = arguments(sweep, size, directions, torch.float64)
    ours, theirs = scan(sweep, *args), loop(name, size, *args)
    expected = torch.stack([theirs[pixel] for pixel in sorted(theirs)], 2)
    torch.testing.assert_close(ours, expected)
    weight = torch.randn(ours.shape, generator=generator(1), dtype=torch.float64)
    gradients = [torch.autograd.grad((result * weight).sum(), args) for result in (ours, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", SWEEPS)
def test_the_backward_pass_by_finite_differences(name: str, size: tuple[int, int]) -> None:
    sweep = SWEEPS[name](*size)
    args = arguments(sweep, size, 2, torch.float64)
    assert torch.autograd.gradcheck(lambda *args: scan(sweep, *args), args)


@pytest.mark.parametrize("name", SWEEPS)
def test_an_input_that_needs_no_gradient_gets_none_and_is_left_alone(name: str) -> None:
    sweep = SWEEPS[name](3, 2)
    x, *weights = arguments(sweep, (3, 2), 2, torch.float64)
    x = x.detach()
    before = x.clone()
    scan(sweep, x, *weights).sum().backward()
    assert x.grad is None
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", SWEEPS)
def test_a_step_reads_slots_that_were_written_before_or_that_none_writes(name: str) -> None:
    sweep = SWEEPS[name](4, 5)
    written: set[int] = set()
    homes = set(sweep.homes.tolist())
    for step in sweep.steps:
        read = {slot + k for slot in step.before for k in range(step.size)}
        assert read & homes <= written
        written |= {step.home + k for k in range(step.size)}
    assert written == homes
    assert sweep.slots - 1 not in homes | set(sweep.before.flatten().tolist()) | set(sweep.learned.tolist())


def test_the_number_of_steps_is_the_papers() -> None:
    assert len(rows_sweep(5, 7).steps) == 5
    assert [step.size for step in diagonals_sweep(3, 3).steps] == [1, 2, 3, 2, 1]  # the n × (2n - 1) skewed map
    assert len(diagonals_sweep(28, 28).steps) == 55


def saved_bytes(size: int, cell: str) -> int:
    """What one training step keeps for its backward pass."""
    model = PixelRNN(Binary((1, size, size)), cell, layers=2, features=4)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model.log_prob(torch.zeros(2, 1, size, size)).sum()
    del loss
    return sum(kept.values())


@pytest.mark.parametrize("cell", ["row", "diagonal"])
def test_memory_is_linear_in_the_pixels(cell: str) -> None:
    small, large = saved_bytes(12, cell), saved_bytes(24, cell)
    assert 3 < large / small < 4.1


def moved(model: PixelRNN) -> PixelRNN:
    """The model with all of its weights off zero."""
    rng = generator(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=rng))
    return model


@pytest.mark.parametrize("name", ["row", "diagonal"])
def test_every_parameter_is_used(name: str) -> None:
    model = moved(PixelRNN(Levels((3, 4, 5), 4), name, layers=2, features=7, skip=True, position_bias=True))
    model.log_prob(torch.randint(4, (5, 3, 4, 5), generator=generator(0))).sum().backward()
    dead = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert dead == []


@pytest.mark.parametrize("features", [3, 5, 6])
def test_each_gate_is_grouped_by_colour(features: int) -> None:
    """An R feature of any gate sees no G or B feature of its own pixel: chunks of a joint grouping would."""
    groups, wide = colour_groups(features, 3), colour_groups(2 * features, 3)
    for lstm in (RowLSTM((3, 2, 2), features, generator(0)), DiagonalBiLSTM((3, 2, 2), features, generator(0))):
        assert len(lstm.cells.mask) == 4 * features
        for gate in lstm.cells.mask[:, : 2 * features].split(features):
            assert torch.equal(gate, wide[None, :] <= groups[:, None])


def test_the_scan_from_the_right_is_one_row_down() -> None:
    lstm = DiagonalBiLSTM((1, 3, 4), 2, generator(0))
    with torch.no_grad():
        lstm.cells.input_to_state[0] = 0  # the scan from the left sees nothing
    x = torch.randn(4, 12, 1, generator=generator(1), requires_grad=True)
    seen = torch.autograd.grad(lstm(x)[:, 1 * 4 + 1].sum(), x)[0].ne(0).any(0).view(3, 4)
    assert seen.int().tolist() == [[0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_an_untrained_stack_is_the_identity_where_it_is_residual() -> None:
    x = torch.randint(2, (3, 1, 4, 5), generator=generator(0))
    model = PixelRNN(Binary((1, 4, 5)), "diagonal", layers=3, features=4, skip=True)
    h = model.first(model.encode(x))
    torch.testing.assert_close(model.stack(h), h)


def test_bfloat16_autocast_keeps_the_scan_in_float32() -> None:
    model = moved(PixelRNN(Binary((1, 5, 6)), "diagonal", layers=2, features=4))
    x = torch.randint(2, (3, 1, 5, 6), generator=generator(0))
    with torch.autocast("cpu", torch.bfloat16):
        rough = model.log_prob(x)
        rough.sum().backward()
    torch.testing.assert_close(rough, model.log_prob(x), rtol=0.02, atol=0.02)
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "column"}, "the cells row and diagonal, not 'column'"),
        ({"cell": "row", "full_context": True}, "full_context needs"),
        ({"cell": "diagonal", "layers": 0, "full_context": True}, "full_context needs"),
        ({"layers": -1}, "0 to 1000 layers"),
        ({"features": 0}, "PixelRNN needs at least 1 feature"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ChainruleError, match=message):
        PixelRNN(Binary((1, 3, 3)), **arguments)


def test_too_few_features_for_the_colours() -> None:
    with pytest.raises(ChainruleError, match="a feature for each of the 3 colours"):
        PixelRNN(Binary((3, 3, 3)), features=2)
