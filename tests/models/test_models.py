"""The paths that the masks of each model leave open, and the properties that all models share."""

from __future__ import annotations

import itertools

import pytest
import torch

from chainrule.checks import measure_dependence
from chainrule.checks.variants import frozen_copy, perturbed_copy, random_data
from chainrule.distributions import Conditionals
from chainrule.domains import Binary, Grid, Levels, raster, shuffled
from chainrule.errors import ChainruleError
from chainrule.models import AutoregressiveModel
from chainrule.models.independent import Independent
from chainrule.models.made import MADE, hidden_degrees
from chainrule.models.pixelcnn import PixelCNN
from chainrule.seeding import generator
from tests.support.models import ZOO


def paths(model: MADE) -> torch.Tensor:
    """Count the paths from each input to each output: int64 [D·K, D]."""
    ways = torch.eye(model.domain.sites, dtype=torch.int64)
    for layer in model.layers:
        ways = layer.mask.long() @ ways
    ways = model.output.mask.long() @ ways
    return ways + model.skip.mask.long() if model.skip is not None else ways


SHAPES = [(1,), (2,), (3,), (7,), (64,), (1, 2), (1, 3), (3, 1), (2, 2, 2), (9, 1, 9), (64, 64)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("hidden", SHAPES)
@pytest.mark.parametrize("sites", [1, 2, 3, 4, 9])
def test_no_path_leads_to_an_output_from_its_input_or_a_later_one(sites, hidden, seed):
    domain = Binary((sites,))
    model = MADE(domain, hidden, direct_connections=seed % 2 == 1, order=shuffled(domain, seed=seed), seed=seed)
    in_order = paths(model)[model.order.sites][:, model.order.sites]
    assert in_order.triu().eq(0).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("hidden", SHAPES)
@pytest.mark.parametrize("sites", [1, 2, 3, 4, 9])
def test_no_hidden_unit_is_dead(sites, hidden, seed):
    model = MADE(Binary((sites,)), hidden, seed=seed)
    seen, read = torch.ones(sites, dtype=torch.bool), model.output.mask.any(0)
    for layer in model.layers:  # a unit sees something if it reads a unit that does
        seen = (layer.mask & seen).any(1)
        assert seen.all() or sites == 1  # a single site has nothing before it to look at
    for layer in reversed(list(model.layers)[1:]):
        assert read.all()
        read = (layer.mask & read[:, None]).any(0)
    assert read.all()


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("hidden", [(200,), (200, 200)])
def test_a_wide_made_sees_every_earlier_site(hidden, levels):
    domain = Binary((8,)) if levels == 2 else Levels((8,), levels)
    model = MADE(domain, hidden, order=shuffled(domain, seed=5))
    ways = paths(model).view(8, domain.outputs_per_site, 8)[model.order.sites][:, :, model.order.sites]
    for k in range(domain.outputs_per_site):
        assert torch.equal(ways[:, k] > 0, torch.ones(8, 8).tril(-1) > 0)


def test_degrees_are_uniform_from_the_smallest_below():
    first, second = hidden_degrees(5, (4000, 4000), generator(0))
    assert torch.bincount(first).tolist() == pytest.approx([0, 1000, 1000, 1000, 1000], abs=120)
    assert torch.bincount(second).tolist() == pytest.approx([0, 1000, 1000, 1000, 1000], abs=120)
    low, above = hidden_degrees(50, (2, 4000), generator(1))
    assert above.min() == low.min() > 1


def test_direct_weights_alone_are_a_logistic_regression_on_the_sites_before():
    model = perturbed_copy(MADE(Binary((3,)), hidden=(), direct_connections=True), 0)
    x = torch.tensor([[1, 0, 1]])
    sites = 2.0 * x[0] - 1
    weight = model.output.weight + model.skip.weight
    logits = [
        bias + sum(weight[i, j] * sites[j] for j in range(i))
        for i, bias in enumerate(model.output.bias + model.skip.bias)
    ]
    torch.testing.assert_close(model.conditionals(x).logits[0], torch.stack(logits))


def reach(before: torch.Tensor, half: int, own_colour: bool, shape: tuple[int, int, int]) -> torch.Tensor:
    """One more masked convolution on what each (colour, pixel) sees: bool [C·H·W, C·H·W], by definition."""
    seen = torch.zeros_like(before)
    places = list(itertools.product(*map(range, shape)))
    for (i, (c, row, column)), (j, (b, above, beside)) in itertools.product(enumerate(places), enumerate(places)):
        near = row - half <= above <= row and abs(beside - column) <= half
        earlier = (above, beside) < (row, column) or (
            (above, beside) == (row, column) and (b < c or (own_colour and b == c))
        )
        if near and earlier:
            seen[i] |= before[j]
    return seen


@pytest.mark.parametrize(
    ("shape", "blocks"), [((1, 4, 9), 0), ((1, 4, 9), 1), ((1, 5, 6), 2), ((3, 2, 3), 1), ((1, 1, 7), 1)]
)
def test_pixelcnn_sees_what_its_kernels_reach_and_nothing_else(shape, blocks):
    sites = torch.Size(shape).numel()
    seen = reach(torch.eye(sites, dtype=torch.bool), 3, False, shape)
    for _ in range(blocks):
        seen = seen | reach(reach(reach(seen, 0, True, shape), 1, True, shape), 0, True, shape)
    seen = reach(reach(seen, 0, True, shape), 0, True, shape)
    model = PixelCNN(Binary(shape), blocks=blocks, features=12)
    # A ReLU may be zero in one of the measurements.
    matrices = [measure_dependence(model, seed=100 * seed).matrix for seed in range(3)]
    assert torch.equal(torch.stack(matrices).any(0), seen)


def test_pixelcnn_sees_all_of_a_small_image_before_it():
    seen = measure_dependence(PixelCNN(Binary((1, 4, 4)), blocks=2, features=8)).matrix
    assert torch.equal(seen, torch.ones(16, 16).tril(-1) > 0)


def parameters(model: AutoregressiveModel) -> int:
    return sum(weight.numel() for weight in model.parameters())


def test_pixelcnn_has_the_parameters_of_table_1():
    # 7×7 to 2h, four rows of it stored; 7 × (1×1 to h, 3×3 in two rows, 1×1 to 2h); 1×1 to 2h; 1×1 to the logits.
    first, block, head, output = 64 * 28 + 64, 64 * 32 + 32 + 32 * 32 * 6 + 32 + 32 * 64 + 64, 64 * 64 + 64, 64 + 1
    assert (
        parameters(PixelCNN(Binary((1, 28, 28)), blocks=7, features=32)) == first + 7 * block + head + output == 78_657
    )
    with_bias = PixelCNN(Binary((1, 28, 28)), blocks=7, features=32, position_bias=True)
    assert parameters(with_bias) == 78_657 + 64 * 28 * 28
    colour = PixelCNN(Levels((3, 8, 8), 256), blocks=7, features=32)
    assert parameters(colour) == 64 * 3 * 28 + 64 + 7 * block + head + 768 * 64 + 768


def test_made_has_the_parameters_of_its_layers():
    assert parameters(MADE(Binary((784,)), hidden=(500,))) == 784 * 500 + 500 + 500 * 784 + 784
    assert (
        parameters(MADE(Levels((3,), 4), hidden=(5, 6), direct_connections=True)) == 20 + 36 + 6 * 12 + 12 + 3 * 12 + 12
    )


def test_pixelcnn_gives_each_channel_its_own_logits():
    model = PixelCNN(Levels((3, 2, 4), 5), blocks=1, features=6)
    with torch.no_grad():
        model.output.bias.copy_(torch.arange(15))
    logits = model.conditionals(torch.zeros(2, 3, 2, 4)).logits
    assert torch.equal(logits, torch.arange(15.0).view(1, 3, 1, 1, 5).expand(2, 3, 2, 4, 5))


def test_made_gives_each_site_its_own_logits():
    model = MADE(Levels((2, 2), 3), hidden=(4,))
    with torch.no_grad():
        model.output.bias.copy_(torch.arange(12))
    assert torch.equal(model.conditionals(torch.zeros(1, 2, 2)).logits[0], torch.arange(12.0).view(2, 2, 3))


@pytest.mark.parametrize("name", ZOO)
def test_outputs_are_not_rectified(name):
    model = ZOO[name]()
    lowest = [perturbed_copy(model, seed).conditionals(random_data(model, 8, seed)).params.min() for seed in range(8)]
    assert min(lowest) < 0


@pytest.mark.parametrize("name", [name for name, make in ZOO.items() if isinstance(make().domain, Grid)])
def test_untrained_models_of_the_library_are_uniform(name):
    model = ZOO[name]()
    table = model.conditionals(random_data(model, 2, 0)).probs
    torch.testing.assert_close(table, torch.full_like(table, 1 / model.domain.levels))


@pytest.mark.parametrize("name", ZOO)
def test_arguments_make_the_same_model_again(name):
    model = ZOO[name]()
    again = type(model)(**model.arguments)
    assert again.domain == model.domain
    assert again.order == model.order
    if "member" in name:  # whose seed draws its masks, and not the weights, which are its family's
        again.load_state_dict(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(again.buffers(), model.buffers(), strict=True))


@pytest.mark.parametrize("name", ZOO)
def test_log_prob_is_the_sum_over_sites_in_double_precision(name):
    model = perturbed_copy(ZOO[name](), 0)
    x = random_data(model, 3, 0)
    by_site = model.conditionals(x).log_prob(x)
    assert by_site.shape == x.shape
    assert model.log_prob(x).dtype == torch.float64
    torch.testing.assert_close(model.log_prob(x), by_site.double().flatten(1).sum(1))
    assert torch.equal(model(x), model.log_prob(x))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.float32, torch.float64])
def test_values_may_be_of_any_type(dtype):
    for name in ("made", "made, shuffled, direct, levels", "pixelcnn 2x3, 3 levels"):
        model = perturbed_copy(ZOO[name](), 0)
        x = random_data(model, 3, 0)
        assert torch.equal(model.log_prob(x.to(dtype)), model.log_prob(x))


@pytest.mark.parametrize("model", [MADE, PixelCNN])
def test_seeds_draw_the_weights(model):
    domain = Binary((1, 3, 3))
    one, same, other = (next(model(domain, seed=seed).parameters()) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_generator_as_seed_gives_a_new_model_each_time():
    rng = torch.Generator().manual_seed(0)
    first, second = MADE(Binary((4,)), seed=rng), MADE(Binary((4,)), seed=rng)
    assert first.seed != second.seed
    assert torch.equal(MADE(Binary((4,)), seed=first.seed).layers[0].weight, first.layers[0].weight)


class NoParameters(AutoregressiveModel):
    def __init__(self, domain):
        super().__init__()
        self.domain, self.order = domain, raster(domain)

    def conditionals(self, x):
        return Conditionals(self.encode(x) * 0, binary=True)


def test_a_model_need_not_have_parameters():
    model = NoParameters(Binary((3,)))
    assert model.device == torch.device("cpu")
    assert model.log_prob(torch.ones(1, 3)).exp().item() == pytest.approx(1 / 8)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MADE(Binary((4,)), hidden=(8, 0)), r"width of at least 1, and hidden is \[8, 0\]"),
        (lambda: MADE(Binary((4,)), order=(0, 1, 2)), "the order names 3 sites, and the domain has 4"),
        (lambda: PixelCNN(Binary((4,))), r"PixelCNN takes images \(C, H, W\)"),
        (lambda: PixelCNN(Binary((1, 4, 4)), blocks=-1), "0 to 1000 blocks"),
        (lambda: PixelCNN(Binary((1, 4, 4)), features=0), "at least 1 feature"),
        (lambda: Independent(Binary((4,))).log_prob(torch.zeros(2, 5)), r"data of shape \[n, 4\], not \[2, 5\]"),
        (lambda: Independent(Binary((4,))).log_prob(torch.full((1, 4), 2)), "values must lie in 0 … 1"),
        (lambda: Independent(Binary((4,))).log_prob(torch.full((1, 4), 0.5)), "whole numbers"),
        (lambda: Independent(Binary((4,))).log_prob(torch.full((1, 4), torch.nan)), "values must lie in 0 … 1"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, words):
    with pytest.raises(ChainruleError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


def test_checking_copies_share_nothing_with_the_model():
    model = MADE(Binary((4,)))
    for copy in (frozen_copy(model), perturbed_copy(model, 0)):
        assert not copy.training
        assert copy.output.weight.data_ptr() != model.output.weight.data_ptr()
    perturbed = perturbed_copy(model, 0).parameters()
    assert all(not torch.equal(a, b) for a, b in zip(perturbed, model.parameters(), strict=True))


@pytest.mark.parametrize("name", ZOO)
def test_no_data_have_no_likelihoods(name):
    model = ZOO[name]()
    nothing = model.log_prob(torch.zeros(0, *model.domain.shape, dtype=torch.int64))
    nothing.sum().backward()  # as where one of several processes has no share of the last batch
    assert nothing.shape == (0,)
    assert all(weight.grad is None or not weight.grad.any() for weight in model.parameters())
