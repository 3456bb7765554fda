"""The scan against autograd through a plain loop over pixels, and what each recurrent layer reads."""

from __future__ import annotations

import pytest
import torch

from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.layers.lstm import DiagonalBiLSTM, RowLSTM
from chainrule.layers.masks import colour_groups
from chainrule.layers.scan import lstm_scan
from chainrule.layers.scan_plan import diagonal_plan, row_plan
from chainrule.models.pixelrnn import PixelRNN
from chainrule.seeding import generator

SIZES = [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (3, 5)]
PLANS = {"rows": row_plan, "diagonals": diagonal_plan}
TAPS = {"rows": [(-1, -1), (-1, 0), (-1, 1)], "diagonals": [(-1, 0), (0, -1)]}
DIRECTIONS = {"rows": 1, "diagonals": 2}
INPUTS = {"rows": [(0, 0), (0, -1)], "diagonals": [(0, 0)]}
ORDER = {"rows": lambda pixel: pixel, "diagonals": lambda pixel: (sum(pixel), pixel)}


def loop(name, x, w, u, b, h0, c0):
    """The hidden states [h, H, W, n] of a map [in, H, W, n] in one direction: equation 3, pixel by pixel."""
    features, height, width, n = x.shape
    states = {}

    def state(row, column):
        learned = name == "diagonals" or 0 <= column < width  # beside the rows of a Row LSTM there is padding
        return states.get((row, column), tuple(each[:, None].expand(-1, n) * learned for each in (h0, c0)))

    def given(row, column):
        inside = 0 <= row < height and 0 <= column < width
        return x[:, row, column] if inside else x.new_zeros(features, n)

    for row, column in sorted(((r, c) for r in range(height) for c in range(width)), key=ORDER[name]):
        before = [state(row + down, column + right) for down, right in TAPS[name]]
        gates = w @ torch.cat([given(row + down, column + right) for down, right in INPUTS[name]]) + b
        for tap, (h, _) in zip(u, before, strict=True):
            gates = gates + tap @ h
        o, i, f, g = gates.chunk(4)
        c = f.sigmoid() * before[1][1] + i.sigmoid() * g.tanh()
        states[row, column] = o.sigmoid() * c.tanh(), c
    return torch.stack([torch.stack([states[r, c][0] for c in range(width)], 1) for r in range(height)], 1)


def by_loop(name, size, maps, w, u, b, h0, c0):
    """The sum over directions; the one from the right on the mirrored map, its states one row down."""
    x = [each.view(len(each), *size, -1) for each in maps]
    result = loop(name, x[0], w[0], u[:, 0], b[0], h0[0], c0[0])
    if len(x) == 2:
        right = loop(name, x[1].flip(2), w[1], u[:, 1], b[1], h0[1], c0[1]).flip(2)
        result = result + torch.cat([torch.zeros_like(right[:, :1]), right[:, :-1]], 1)
    return result.flatten(1, 2)


def by_scan(name, size, maps, w, u, b, h0, c0):
    plan = PLANS[name](*size)
    states = lstm_scan(maps, (w, u, b), (h0, c0), plan)
    return sum(h.index_select(1, at) for h, at in zip(states, plan.outputs, strict=True))


def arguments(name, size):
    """The maps, and W, U, b, h0, c0, for h = 2, maps of 3 features, 2 data; float64."""
    rng, directions = generator(0), DIRECTIONS[name]

    def normal(*shape):
        return torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()

    maps = [normal(3, size[0] * size[1], 2) for _ in range(directions)]
    weights = normal(directions, 8, 3 * len(INPUTS[name])), normal(len(TAPS[name]), directions, 8, 2)
    return maps, [*weights, normal(directions, 8, 1), normal(directions, 2), normal(directions, 2)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", PLANS)
def test_the_scan_and_its_gradients_are_those_of_a_loop_over_pixels(name, size):
    maps, weights = arguments(name, size)
    ours, theirs = (how(name, size, maps, *weights) for how in (by_scan, by_loop))
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn(ours.shape, generator=generator(1), dtype=torch.float64)
    gradients = [torch.autograd.grad((result * direction).sum(), [*maps, *weights]) for result in (ours, theirs)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", PLANS)
def test_the_backward_pass_by_finite_differences(name, size):
    maps, weights = arguments(name, size)

    def scan(*args):
        return by_scan(name, size, args[: len(maps)], *args[len(maps) :])

    assert torch.autograd.gradcheck(scan, [*maps, *weights])


@pytest.mark.parametrize("name", PLANS)
def test_maps_that_need_no_gradient_get_none_and_are_left_alone(name):
    maps, weights = arguments(name, (3, 2))
    maps = [x.detach() for x in maps]
    before = [x.clone() for x in maps]
    by_scan(name, (3, 2), maps, *weights).sum().backward()
    assert all(x.grad is None for x in maps)
    assert all(torch.equal(x, y) for x, y in zip(maps, before, strict=True))


def test_one_map_read_in_both_directions_gets_both_gradients():
    (x, _), weights = arguments("diagonals", (3, 4))
    results = [how("diagonals", (3, 4), [x, x], *weights) for how in (by_scan, by_loop)]
    torch.testing.assert_close(*(torch.autograd.grad((result**2).sum(), x) for result in results))


@pytest.mark.parametrize("name", PLANS)
def test_a_step_reads_the_step_before_and_what_lies_beside_the_image(name):
    plan = PLANS[name](4, 5)
    for step, before in zip(plan.steps, [None, *plan.steps], strict=False):
        for tap, window in enumerate(step.windows):
            outside = set(plan.outside[tap].tolist())
            inside = {window.target + k for k in range(window.size)}
            assert inside | outside >= {step.first + k for k in range(step.size)}
            assert not inside & outside
            assert window.size == 0 or before.first <= window.source <= window.source + window.size <= step.first
    pixels, places = plan.inputs[0, 0], plan.outputs[0]
    assert pixels[places].tolist() == list(range(20))


def test_the_number_of_steps_is_the_papers():
    assert len(row_plan(5, 7).steps) == 5
    assert [step.size for step in diagonal_plan(3, 3).steps] == [1, 2, 3, 2, 1]  # the n × (2n - 1) skewed map
    assert len(diagonal_plan(28, 28).steps) == 55


def saved_bytes(size, cell):
    """Return the memory that one training step keeps for its backward pass."""
    model = PixelRNN(Binary((1, size, size)), cell, layers=2, features=4)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model.log_prob(torch.zeros(2, 1, size, size)).sum()
    del loss
    return sum(kept.values())


@pytest.mark.parametrize("cell", ["row", "diagonal"])
def test_memory_is_linear_in_the_pixels(cell):
    small, large = saved_bytes(12, cell), saved_bytes(24, cell)
    assert 3 < large / small < 4.1


def moved(model):
    """The model with all of its weights off zero."""
    rng = generator(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=rng))
    return model


@pytest.mark.parametrize("name", ["row", "diagonal"])
def test_every_parameter_is_used(name):
    model = moved(PixelRNN(Levels((3, 4, 5), 4), name, layers=2, features=7, skip=True, position_bias=True))
    model.log_prob(torch.randint(4, (5, 3, 4, 5), generator=generator(0))).sum().backward()
    dead = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert dead == []


@pytest.mark.parametrize("features", [3, 5, 6])
def test_each_gate_is_grouped_by_colour(features):
    """An R feature of any gate sees no G or B feature of its own pixel: chunks of a joint grouping would."""
    groups, wide = colour_groups(features, 3), colour_groups(2 * features, 3)
    for lstm in (RowLSTM((3, 2, 2), features, generator(0)), DiagonalBiLSTM((3, 2, 2), features, generator(0))):
        assert len(lstm.mask) == 4 * features
        for gate in lstm.mask[:, : 2 * features].split(features):
            assert torch.equal(gate, wide[None, :] <= groups[:, None])


def test_the_scan_from_the_right_is_one_row_down():
    lstm = DiagonalBiLSTM((1, 3, 4), 2, generator(0))
    with torch.no_grad():
        lstm.input_to_state[0] = 0  # the scan from the left sees nothing
    x = torch.randn(4, 12, 1, generator=generator(1), requires_grad=True)
    seen = torch.autograd.grad(lstm(x)[:, 1 * 4 + 1].sum(), x)[0].ne(0).any(0).view(3, 4)
    assert seen.int().tolist() == [[0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_an_untrained_stack_is_the_identity_where_it_is_residual():
    x = torch.randint(2, (3, 1, 4, 5), generator=generator(0))
    model = PixelRNN(Binary((1, 4, 5)), "diagonal", layers=3, features=4, skip=True)
    h = model.first(model.encode(x))
    torch.testing.assert_close(model.stack(h), h)


def test_bfloat16_autocast_keeps_the_scan_in_float32():
    model = moved(PixelRNN(Binary((1, 5, 6)), "diagonal", layers=2, features=4))
    x = torch.randint(2, (3, 1, 5, 6), generator=generator(0))
    with torch.autocast("cpu", torch.bfloat16):
        rough = model.log_prob(x)
        rough.sum().backward()
    torch.testing.assert_close(rough, model.log_prob(x), rtol=0.02, atol=0.02)
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())


def test_a_model_in_bfloat16_scans_in_float32():
    model = moved(PixelRNN(Binary((1, 5, 6)), "diagonal", layers=2, features=4))
    x = torch.randint(2, (3, 1, 5, 6), generator=generator(0))
    exact = model.log_prob(x)
    torch.testing.assert_close(model.bfloat16().log_prob(x), exact, rtol=0.02, atol=0.02, check_dtype=False)


@pytest.mark.parametrize("cell", ["row", "diagonal"])
def test_a_model_can_be_trained_whatever_mode_the_first_of_its_size_was_made_in(cell):
    with torch.inference_mode():
        PixelRNN(Binary((1, 6, 11)), cell, layers=1, features=2)
    model = moved(PixelRNN(Binary((1, 6, 11)), cell, layers=1, features=2))
    model.log_prob(torch.zeros(1, 1, 6, 11)).sum().backward()
    assert model.stack.blocks[0].lstm.state_to_state.grad.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "column"}, "the cells row and diagonal, not 'column'"),
        ({"cell": "row", "full_context": True}, "full_context is of the diagonal cell alone, and cell is 'row'"),
        ({"cell": "diagonal", "layers": 0, "full_context": True}, "full_context needs"),
        ({"layers": -1}, "0 to 1000 layers"),
        ({"features": 0}, "PixelRNN needs at least 1 feature"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ChainruleError, match=message):
        PixelRNN(Binary((1, 3, 3)), **arguments)


def test_too_few_features_for_the_colours():
    with pytest.raises(ChainruleError, match="a feature for each of the 3 colours"):
        PixelRNN(Binary((3, 3, 3)), features=2)
