"""The ground floor: seeding, domains, orders, schedules, conditionals."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.distributions import Bernoulli, Categorical

from chainrule.checks import check_model
from chainrule.distributions import Conditionals
from chainrule.domains import Binary, Levels, domain_from_dict
from chainrule.domains.orders import Order, as_order, natural, raster, shuffled
from chainrule.errors import ChainruleError
from chainrule.inference.complete import complete
from chainrule.inference.sample import sample
from chainrule.sampling.schedules import Schedule, one_by_one
from chainrule.seeding import as_seed, generator, site_noise
from tests.support.models import ZOO

# Seeding.


def keys(*span):
    return [(datum,) for datum in range(*span)]


def test_noise_of_a_datum_does_not_depend_on_its_chunk():
    whole = site_noise(3, keys(10), 4)
    parts = torch.cat([site_noise(3, keys(first, first + 2), 4) for first in range(0, 10, 2)])
    assert torch.equal(whole, parts)
    assert torch.equal(site_noise(3, keys(7, 8), 4)[0], whole[7])


def test_noise_is_uniform_and_its_own_for_each_seed_and_datum():
    noise = torch.cat([site_noise(seed, keys(50), 40) for seed in range(5)])
    assert noise.dtype == torch.float64
    assert 0 <= noise.min() < noise.max() < 1
    assert len(noise.unique()) == noise.numel()
    counts = torch.histc(noise, 10, 0, 1)
    assert counts.tolist() == pytest.approx([1000] * 10, rel=0.15)
    assert torch.corrcoef(noise).triu(1).abs().max() < 0.75


def test_no_data_have_no_noise():
    assert site_noise(0, keys(0), 3).shape == (0, 3)


SEEDS = (0, 1, 5, -1, -5, 2**32, 2**32 + 5, 2**62)
KEYS = ((), (0,), (1,), (0, 0), (0, 1), (1, 0))


def test_every_seed_and_key_has_a_stream_of_its_own():
    firsts = [torch.rand((), generator=generator(seed, *key)).item() for seed in SEEDS for key in KEYS]
    assert len(set(firsts)) == len(SEEDS) * len(KEYS)
    assert torch.rand((), generator=generator(5, 1)).item() in firsts


def test_an_integer_seed_is_itself_and_a_generator_moves_on():
    rng = torch.Generator().manual_seed(0)
    assert as_seed(11) == 11
    assert as_seed(rng) != as_seed(rng)


@pytest.mark.parametrize("name", ["independent", "made, direct", "pixelcnn 2x2, colour"])
def test_nothing_draws_from_the_global_generator(name):
    before = torch.get_rng_state()
    model = ZOO[name]()
    shuffled(model.domain, 1)
    check_model(model)
    x = sample(model, 3, seed=1)
    complete(model, x, torch.zeros(model.domain.shape, dtype=torch.bool), seed=2)
    model.conditionals(x).sample(generator(0))
    assert torch.equal(torch.get_rng_state(), before)


# Domains.


def test_outcomes_are_all_data_once_each():
    domain = Levels((2, 2), 3)
    outcomes = torch.cat(list(domain.outcomes(batch_size=7)))
    assert outcomes.shape == (81, 2, 2)
    assert outcomes.flatten(1).tolist() == [list(each) for each in itertools.product(range(3), repeat=4)]


def test_values_become_inputs_from_minus_one_to_one():
    assert Binary((2,)).encode(torch.tensor([0.0, 1.0])).tolist() == [-1, 1]
    encoded = Levels((1,), 256).encode(torch.arange(256.0))
    torch.testing.assert_close(encoded, torch.linspace(-1, 1, 256))


def test_sites_in_words():
    assert Binary((5,)).describe_site(3) == "site 3"
    assert Binary((2, 3)).describe_site(4) == "site 4"
    assert Binary((1, 3, 4)).describe_site(6) == "row 1, column 2"
    assert Binary((3, 3, 4)).describe_site(12 + 6) == "row 1, column 2, G"
    assert Binary((2, 3, 4)).describe_site(12 + 6) == "row 1, column 2, channel 1"


@pytest.mark.parametrize("domain", [Binary((3,)), Binary((1, 2, 3)), Levels((3, 4, 4), 256)])
def test_domains_come_back_from_their_description(domain):
    assert domain_from_dict(domain.to_dict()) == domain


@pytest.mark.parametrize(
    "description",
    [{}, {"kind": "Real", "shape": [2]}, {"kind": "Binary"}, {"kind": "Binary", "shape": [2], "levels": 2}],
)
def test_other_descriptions_are_refused(description):
    with pytest.raises(ChainruleError, match="not a domain that this version knows"):
        domain_from_dict(description)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Binary(()), "sizes of at least 1"),
        (lambda: Binary((3, 0)), "sizes of at least 1"),
        (lambda: Levels((3,), 1), "levels must be 2 to 256, not 1"),
        (lambda: Levels((3,), 257), "levels must be 2 to 256, not 257"),
        (lambda: Levels((3,), 4).check(torch.tensor([[0, 4, 1]])), "0 … 3, and these go from 0 to 4"),
        (lambda: Levels((3,), 4).check(torch.tensor([[0, -1, 1]])), "0 … 3, and these go from -1 to 1"),
        (lambda: Binary((3,)).check(torch.zeros(3)), r"\[n, 3\], not \[3\]"),
    ],
)
def test_what_is_no_domain_or_not_of_it_is_refused(make, words):
    with pytest.raises(ChainruleError, match=words):
        make()


def test_checking_returns_the_data_and_takes_none():
    x = torch.tensor([[0, 1, 1]])
    assert Binary((3,)).check(x) is x
    assert len(Binary((3,)).check(torch.empty(0, 3))) == 0


# Orders.


def test_raster_order_is_rows_then_columns_then_channels():
    colours, height, width = 3, 2, 4
    expected = [
        channel * height * width + row * width + column
        for row in range(height)
        for column in range(width)
        for channel in range(colours)
    ]
    assert list(raster(Binary((colours, height, width))).permutation) == expected


def test_other_shapes_are_taken_as_they_are_numbered():
    assert raster(Binary((2, 3))) == natural(Binary((2, 3))) == Order(range(6))


def test_rank_is_the_place_in_the_order():
    order = shuffled(Binary((9,)), 4)
    assert [order.permutation.index(site) for site in range(9)] == order.rank.tolist()
    assert torch.equal(order.sites[order.rank], torch.arange(9))


def test_prefixes_of_an_order_are_told_from_all_other_sets():
    order = Order((2, 0, 3, 1))
    prefixes = [set(order.permutation[:length]) for length in range(5)]
    for given in itertools.product([False, True], repeat=4):
        evidence = torch.tensor(given)
        assert bool(order.is_prefix(evidence)) == ({site for site in range(4) if given[site]} in prefixes)


def test_prefixes_are_told_row_by_row():
    evidence = torch.tensor([[True, True, False], [False, True, True]])
    assert natural(Binary((3,))).is_prefix(evidence).tolist() == [True, False]


def test_shuffled_orders_are_uniform_and_follow_their_seed():
    domain = Binary((3,))
    counts = dict.fromkeys(itertools.permutations(range(3)), 0)
    for seed in range(600):
        counts[shuffled(domain, seed).permutation] += 1
    assert list(counts.values()) == pytest.approx([100] * 6, abs=40)
    assert shuffled(domain, 5) == shuffled(domain, 5)


@pytest.mark.parametrize("permutation", [(0, 0), (1, 2), (0, 2), (-1, 0)])
def test_what_is_no_permutation_is_no_order(permutation):
    with pytest.raises(ChainruleError, match="must name each site 0 … 1 once"):
        Order(permutation)


def test_an_order_may_be_given_as_a_list_or_not_at_all():
    domain = Binary((2, 1, 2))
    assert as_order([3, 1, 0, 2], domain) == Order((3, 1, 0, 2))
    assert as_order(None, domain) == raster(domain)
    with pytest.raises(ChainruleError, match="names 2 sites, and the domain has 4"):
        as_order((0, 1), domain)


# Schedules.

PAIRS = Schedule((torch.tensor([3, 1]), torch.tensor([0]), torch.tensor([2, 4])))


def test_the_plain_schedule_is_the_order():
    order = Order((2, 0, 1))
    assert [group.tolist() for group in one_by_one(order)] == [[2], [0], [1]]


def test_what_a_schedule_visits_before_and_after_a_step():
    assert len(PAIRS) == 3
    assert [PAIRS.sites_before(step).tolist() for step in range(4)] == [[], [3, 1], [3, 1, 0], [3, 1, 0, 2, 4]]
    assert [[group.tolist() for group in PAIRS.after(step)] for step in (0, 2, 3)] == [
        [[3, 1], [0], [2, 4]],
        [[2, 4]],
        [],
    ]
    assert PAIRS[1].tolist() == [0]


@pytest.mark.parametrize(
    ("rows", "groups"),
    [
        (["00000"], 0),
        (["01010"], 1),
        (["01000"], 0),
        (["11010", "11111"], 2),
        (["11111", "01010"], 1),
        (["11111"], 3),
        (["10101"], 0),
    ],
)
def test_how_many_groups_are_given_for_every_datum(rows, groups):
    assert PAIRS.given(torch.tensor([[site == "1" for site in row] for row in rows])) == groups


# Conditionals.


def logits(*shape: int) -> torch.Tensor:
    return 2 * torch.randn(shape, generator=generator(0, *shape))


def test_log_prob_is_that_of_torch_distributions():
    binary, several = logits(5, 2, 3), logits(5, 2, 3, 4)
    x, y = binary > 0, several.argmin(-1)
    torch.testing.assert_close(Conditionals(binary, True).log_prob(x), Bernoulli(logits=binary).log_prob(x.float()))
    torch.testing.assert_close(Conditionals(several, False).log_prob(y), Categorical(logits=several).log_prob(y))


@pytest.mark.parametrize("binary", [True, False])
def test_the_table_holds_the_log_prob_of_each_value(binary):
    conditionals = Conditionals(logits(4, 3) if binary else logits(4, 3, 5), binary)
    assert conditionals.log_probs.shape == (4, 3, 2 if binary else 5)
    for value in range(conditionals.log_probs.shape[-1]):
        x = torch.full((4, 3), value)
        torch.testing.assert_close(conditionals.log_prob(x), conditionals.log_probs[..., value])
    torch.testing.assert_close(conditionals.probs.sum(-1), torch.ones(4, 3))


@pytest.mark.parametrize("binary", [True, False])
def test_certain_values_have_log_prob_zero_and_not_nan(binary):
    sure = torch.tensor([[1e4]]) if binary else torch.tensor([[[-1e4, 1e4, 0.0]]])
    conditionals = Conditionals(sure, binary)
    assert conditionals.log_prob(torch.tensor([[1]])).item() == 0
    assert conditionals.log_prob(torch.tensor([[0]])).item() <= -1e4
    assert conditionals.sample(generator(0)).item() == 1


@pytest.mark.parametrize("binary", [True, False])
def test_inverting_the_distribution_function_over_a_grid_gives_exact_frequencies(binary):
    conditionals = Conditionals(logits(1, 6) if binary else logits(1, 6, 5), binary)
    points = 10_000
    noise = ((torch.arange(points, dtype=torch.float64) + 0.5) / points)[:, None].expand(points, 6)
    values = Conditionals(conditionals.logits.expand(points, *conditionals.logits.shape[1:]), binary).icdf(noise)
    for value in range(conditionals.probs.shape[-1]):
        share = (values == value).double().mean(0)
        torch.testing.assert_close(share, conditionals.probs[0, :, value].double(), rtol=0, atol=1.01 / points)
    assert values.diff(dim=0).min() == 0  # it only goes up


def test_the_ends_of_the_noise_give_the_first_and_the_last_value():
    ends = torch.tensor([[0.0, math.nextafter(1.0, 0.0)]], dtype=torch.float64)
    assert Conditionals(torch.zeros(1, 2, 256), False).icdf(ends).tolist() == [[0, 255]]
    assert Conditionals(torch.zeros(1, 2), True).icdf(ends).tolist() == [[0, 1]]
    assert Conditionals(torch.tensor([[[-1e4, 0.0, 0.0]] * 2]), False).icdf(ends).tolist() == [[1, 2]]


@pytest.mark.parametrize("binary", [True, False])
def test_temperature_raises_probabilities_to_a_power(binary):
    conditionals = Conditionals(logits(4, 3) if binary else logits(4, 3, 5), binary)
    powered = conditionals.probs ** (1 / 0.7)
    torch.testing.assert_close(conditionals.tempered(0.7).probs, powered / powered.sum(-1, keepdim=True))
    assert torch.equal(conditionals.tempered(1).probs, conditionals.probs)
    assert conditionals.tempered(0.01).sample(generator(0)).tolist() == conditionals.probs.argmax(-1).tolist()


@pytest.mark.parametrize("binary", [True, False])
def test_some_sites_of_an_image(binary):
    conditionals = Conditionals(logits(4, 2, 3, 2) if binary else logits(4, 2, 3, 2, 5), binary)
    sites = torch.tensor([7, 0, 11])
    part, x = conditionals.select_sites(sites), torch.ones(4, 2, 3, 2)
    torch.testing.assert_close(part.log_prob(x.flatten(1)[:, sites]), conditionals.log_prob(x).flatten(1)[:, sites])


def test_samples_follow_their_generator_and_their_probabilities():
    conditionals = Conditionals(torch.tensor([0.1, 0.2, 0.7]).log().expand(2000, 1, 3), False)
    values = conditionals.sample(generator(1))
    assert values.dtype == torch.int64
    assert torch.bincount(values.flatten()).tolist() == pytest.approx([200, 400, 1400], abs=80)
    assert torch.equal(values, conditionals.sample(generator(1)))
    assert not torch.equal(values, conditionals.sample(generator(2)))


def test_half_precision_logits_give_single_precision_probabilities():
    assert Conditionals(logits(2, 3).bfloat16(), True).log_probs.dtype == torch.float32
    assert Conditionals(logits(2, 3).double(), True).log_probs.dtype == torch.float64
