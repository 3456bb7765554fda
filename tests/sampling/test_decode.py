"""The walk and the tasks: sampling, completion, evaluation."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import pytest
import torch

from chainrule.checks.sample_frequencies import chi_square
from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.inference.complete import complete
from chainrule.inference.evaluate import Evaluation, evaluate, log_prob_all
from chainrule.inference.sample import sample
from chainrule.models.image import ImageModel
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.sampling.decode import walk
from chainrule.sampling.schedules import Schedule
from tests.support.models import ZOO

SOME = (
    "made, shuffled",
    "made, shuffled, direct, levels",
    "pixelcnn 3x3",
    "pixelcnn 2x2, colour",
    "pixelcnn 3x5, 256 levels",
)


def some_model(name):
    return perturbed_copy(ZOO[name](), 7)


class RowByRow(Independent):
    """One group a row: the same distribution as its parent, in other steps."""

    @cached_property
    def schedule(self):
        return Schedule(tuple(torch.arange(self.domain.sites).view(self.domain.shape[-2:])))


# The walk.


@pytest.mark.parametrize("name", SOME)
def test_a_walk_visits_the_groups_in_turn_and_shows_the_conditionals_of_each(name):
    model = some_model(name)
    x, visited = random_data(model, 2, 1), []
    table = model.conditionals(x).log_probs.flatten(1, -2)

    def choose(sites, conditionals):
        visited.extend(sites.tolist())
        torch.testing.assert_close(conditionals.log_probs, table[:, sites], rtol=1e-4, atol=1e-4)
        return x.flatten(1)[:, sites]

    assert torch.equal(walk(model, 2, choose), x)
    assert tuple(visited) == model.order.permutation


def test_a_walk_from_a_prefix_takes_it_as_given():
    model = some_model("made, shuffled")
    x, visited = random_data(model, 3, 1), []

    def choose(sites, conditionals):
        visited.extend(sites.tolist())
        return torch.zeros(3, len(sites), dtype=torch.int64)

    walked = walk(model, 3, choose, x, groups=4).flatten(1)
    first = model.schedule.sites_before(4)
    assert visited == torch.cat(model.schedule.after(4)).tolist()
    assert torch.equal(walked[:, first], x.flatten(1)[:, first])
    assert walked[:, visited].eq(0).all()


# Sampling.


@pytest.mark.parametrize("name", SOME)
def test_a_draw_is_a_function_of_the_seed_and_of_its_number_alone(name):
    model = some_model(name)
    draws = sample(model, 12, seed=5)
    assert torch.equal(sample(model, 12, seed=5, batch_size=5), draws)
    assert torch.equal(sample(model, 12, seed=5, batch_size=1), draws)
    assert torch.equal(sample(model, 7, seed=5), draws[:7])
    assert not torch.equal(sample(model, 12, seed=6), draws)
    assert len(draws.flatten(1).unique(dim=0)) > 1


@pytest.mark.parametrize("name", SOME)
def test_draws_lie_on_the_grid_of_the_domain(name):
    model = some_model(name)
    draws = sample(model, 12)
    assert draws.dtype == torch.int64
    assert draws.shape == (12, *model.domain.shape)
    assert model.domain.check(draws) is draws


def test_the_schedule_does_not_change_what_is_drawn():
    domain = Levels((3, 4), 5)
    assert torch.equal(
        sample(perturbed_copy(RowByRow(domain), 1), 20, seed=3),
        sample(perturbed_copy(Independent(domain), 1), 20, seed=3),
    )


def test_all_256_levels_are_drawn():
    assert len(sample(Independent(Levels((64, 64), 256)), 2).unique()) == 256


def test_a_low_temperature_draws_the_likeliest_values():
    model = perturbed_copy(Independent(Levels((6,), 4)), 2)
    likeliest = model.conditionals(torch.zeros(1, 6)).probs.argmax(-1)
    assert torch.equal(sample(model, 9, temperature=1e-3), likeliest.expand(9, 6))
    assert not torch.equal(sample(model, 9), likeliest.expand(9, 6))


def test_progress_is_told_in_data():
    done = []
    sample(ZOO["made"](), 7, batch_size=3, progress=done.append)
    assert done == [3, 3, 1]


def test_progress_is_told_on_the_way():
    done = []
    sample(ZOO["pixelcnn 3x3"](), 18, progress=done.append)
    assert done == [2] * 9


def test_fewer_data_are_walked_at_once_where_each_takes_much(monkeypatch):
    model, walked = some_model("pixelcnn 3x3"), []
    whole = sample(model, 7, seed=2)
    monkeypatch.setattr("chainrule.sampling.decode.MEMORY", 3 * model.kept)
    monkeypatch.setattr(PixelCNN, "start", lambda self, n: walked.append(n) or ImageModel.start(self, n))
    assert torch.equal(sample(model, 7, seed=2), whole)
    assert walked == [3, 3, 1]
    assert model.kept == 8 * 9 + 2 * 4 * 9 * 2 * 4  # 9 sites; 2 blocks of 4 features, twice


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "number of samples must be at least 1, not 0"),
        ({"n": 1, "temperature": 0}, "temperature must be above 0, not 0"),
        ({"n": 1, "temperature": -1.0}, "temperature must be above 0"),
        ({"n": 1, "temperature": math.nan}, "temperature must be above 0"),
    ],
)
def test_samples_that_cannot_be_drawn(options, words):
    with pytest.raises(ChainruleError, match=words):
        sample(ZOO["made"](), **options)


# Completion.


def prefix(model, length):
    """Evidence on the first sites of the model's order: bool [*shape]."""
    return (model.order.rank < length).view(model.domain.shape)


@pytest.mark.parametrize("name", SOME)
def test_evidence_is_kept_and_what_stands_elsewhere_is_not_read(name):
    model = some_model(name)
    x, evidence = random_data(model, 3, 4), prefix(model, model.domain.sites // 2)
    draws = complete(model, x, evidence, n=5, seed=1)
    assert draws.shape == (3, 5, *model.domain.shape)
    kept = x[:, None].expand_as(draws)
    assert torch.equal(draws[:, :, evidence], kept[:, :, evidence])
    assert not torch.equal(draws, kept)
    nonsense = torch.where(evidence, x.double(), torch.nan)
    assert torch.equal(complete(model, nonsense, evidence, n=5, seed=1), draws)


@pytest.mark.parametrize("name", SOME)
def test_completions_do_not_depend_on_the_chunk(name):
    model = some_model(name)
    x, evidence = random_data(model, 3, 4), prefix(model, 2)
    draws = complete(model, x, evidence, n=4, seed=1)
    assert torch.equal(complete(model, x, evidence, n=4, seed=1, batch_size=5), draws)
    assert not torch.equal(complete(model, x, evidence, n=4, seed=2), draws)


def test_without_evidence_completion_is_sampling():
    model = some_model("pixelcnn 3x3")
    blank = torch.zeros(6, 1, 3, 3)
    assert torch.equal(complete(model, blank, blank[0].bool(), seed=3)[:, 0], sample(model, 6, seed=3))


def test_complete_evidence_comes_back_as_it_is():
    model = some_model("pixelcnn 2x2, colour")
    x = random_data(model, 4, 0)
    assert torch.equal(complete(model, x, torch.ones_like(x, dtype=torch.bool))[:, 0], x)


def test_each_datum_may_have_evidence_of_its_own():
    model = some_model("made, shuffled")
    x, evidence = random_data(model, 3, 4), torch.stack([prefix(model, length) for length in (0, 3, 12)])
    draws = complete(model, x, evidence, n=20, seed=1)
    for i in range(3):
        assert draws[i][:, evidence[i]].eq(x[i][evidence[i]]).all()
        free = draws[i][:, ~evidence[i]]
        assert (free.min(0).values < free.max(0).values).any() == (i < 2)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize(
    "make",
    [
        lambda: MADE(Binary((6,)), hidden=(20,), order=(4, 1, 0, 5, 3, 2)),
        lambda: PixelCNN(Binary((1, 3, 2)), blocks=1, features=6),
        lambda: MADE(Levels((4,), 3), hidden=(20,), direct_connections=True, order=(2, 3, 1, 0)),
    ],
)
def test_completions_have_the_exact_conditional_distribution(make, temperature):
    model, n = perturbed_copy(make(), 3), 5000
    outcomes = torch.cat(list(model.domain.outcomes()))
    evidence = prefix(model, 2)
    x = outcomes[-2:-1]
    agrees = outcomes[:, evidence].eq(x[:, evidence]).all(1)
    expected = n * tempered_given(model, outcomes[agrees], evidence, temperature)
    draws = complete(model, x, evidence, n=n, seed=8, temperature=temperature)[0].flatten(1)
    place = model.domain.levels ** torch.arange(model.domain.sites - 1, -1, -1)
    counts = torch.bincount((draws * place).sum(1), minlength=len(outcomes))[agrees].double()
    assert counts.sum() == n
    assert chi_square(counts, expected) > 1e-4
    assert chi_square(counts, expected.roll(1)) < 1e-9  # another distribution would be found out


def tempered_given(model, outcomes, evidence, temperature):
    """p(missing | given) of each outcome [m, *shape] that agrees: at temperature 1 from p(x), else site by site."""
    if temperature == 1:
        return model.log_prob(outcomes).softmax(0)
    by_site = model.conditionals(outcomes).tempered(temperature).log_prob(outcomes)
    return by_site[:, ~evidence].double().sum(1).exp()


def test_no_data_have_no_completions():
    model = ZOO["made"]()
    assert complete(model, torch.zeros(0, 5), prefix(model, 2), n=3).shape == (0, 3, 5)


X, NONE = torch.zeros(2, 1, 2, 3), torch.zeros(1, 2, 3, dtype=torch.bool)
TOP = torch.tensor([[[True] * 3, [False] * 3]])


@pytest.mark.parametrize(
    ("x", "evidence", "options", "words"),
    [
        (X, TOP.int(), {}, "boolean mask .* not torch.int32"),
        (X, TOP[0], {}, r"shape \[2, 3\]; it must be \[1, 2, 3\] or \[2, 1, 2, 3\]"),
        (X, TOP.expand(3, 1, 2, 3), {}, r"shape \[3, 1, 2, 3\]"),
        (X[0], TOP, {}, r"data of shape \['n', 1, 2, 3\], not \[1, 2, 3\]"),
        (X + 2, TOP, {}, "values must lie in 0 … 1"),
        (X, TOP, {"n": 0}, "n must be at least 1, not 0"),
        (X, TOP, {"temperature": 0.0}, "temperature must be above 0"),
    ],
)
def test_completions_of_bad_arguments_are_refused(x, evidence, options, words):
    with pytest.raises(ChainruleError, match=words) as error:
        complete(PixelCNN(Binary((1, 2, 3)), blocks=1, features=2), x, evidence, **options)
    assert "\n" not in str(error.value)


# Evaluation.


@pytest.mark.parametrize(
    ("domain", "bits"), [(Binary((3, 2, 2)), 1.0), (Levels((3, 2, 2), 256), 8.0), (Levels((5,), 4), 2.0)]
)
def test_bits_per_dim_counts_every_colour_channel(domain, bits):
    x = torch.zeros(4, *domain.shape, dtype=torch.uint8)
    found = evaluate(Independent(domain), x)
    assert found.sites == domain.sites
    assert found.bits_per_dim == pytest.approx(bits)
    assert found.nats == pytest.approx(bits * domain.sites * math.log(2))


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_the_mean_is_over_data_whatever_the_batches(batch):
    model = some_model("made, shuffled")
    x = random_data(model, 7, 3)
    nats, done = -model.log_prob(x), []
    found = evaluate(model, x, batch=batch, progress=done.append)
    assert found.nats == pytest.approx(nats.mean().item(), rel=1e-6)
    assert found.stderr == pytest.approx(np.std(nats.detach().numpy(), ddof=1) / math.sqrt(7), rel=1e-5)
    assert found.n == sum(done) == 7
    assert max(done) <= batch


def test_a_standard_error_needs_two_data():
    model = some_model("made, shuffled")
    one = evaluate(model, random_data(model, 1, 3))
    assert math.isnan(one.stderr)
    assert "± – nats" in str(one)


def test_arrays_and_tensors_give_the_same():
    model = some_model("made, shuffled")
    x = random_data(model, 5, 3)
    assert evaluate(model, x.numpy()) == evaluate(model, x) == evaluate(model, x.float())


def test_log_prob_of_all_data_in_order():
    model = some_model("pixelcnn 3x3")
    x = random_data(model, 5, 3)
    found = log_prob_all(model, x, batch=2)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, model.log_prob(x).detach(), rtol=1e-6, atol=1e-6)


def test_an_evaluation_in_words():
    assert str(Evaluation(nats=80.5, stderr=0.25, n=10, sites=784)) == "80.50 ± 0.25 nats, 0.1481 bits/dim, n = 10"


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(0, 5), "the data is empty"),
        (torch.zeros(2, 6), r"\[n, 5\], not \[2, 6\]"),
        (torch.full((2, 5), 3), "values must lie in 0 … 1"),
    ],
)
def test_data_that_cannot_be_evaluated(x, words):
    with pytest.raises(ChainruleError, match=words):
        evaluate(ZOO["made"](), x)
