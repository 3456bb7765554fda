"""Completions keep the evidence, and have the exact conditional distribution where the evidence comes first."""

from __future__ import annotations

import pytest
import torch

from chainrule.checks.sample_frequencies import chi_square
from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.inference import complete, sample
from chainrule.models import MADE, PixelCNN
from tests.support.models import ZOO
from tests.support.random_models import SOME, some_model


def prefix(model, length):
    """Evidence on the first sites of the model's order: bool [*shape]."""
    return (model.order.rank < length).view(model.domain.shape)


@pytest.mark.parametrize("name", SOME)
def test_evidence_is_kept_and_other_values_are_not_read(name):
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
def test_completions_do_not_depend_on_the_batch_size(name):
    model = some_model(name)
    x, evidence = random_data(model, 3, 4), prefix(model, 2)
    draws = complete(model, x, evidence, n=4, seed=1)
    assert torch.equal(complete(model, x, evidence, n=4, seed=1, batch_size=5), draws)
    assert not torch.equal(complete(model, x, evidence, n=4, seed=2), draws)


def test_without_evidence_completion_is_sampling():
    model = some_model("pixelcnn 3x3")
    blank = torch.zeros(6, 1, 3, 3)
    assert torch.equal(complete(model, blank, blank[0].bool(), seed=3)[:, 0], sample(model, 6, seed=3))


def test_data_without_missing_values_are_returned_unchanged():
    model = some_model("pixelcnn 2x2, colour")
    x = random_data(model, 4, 0)
    assert torch.equal(complete(model, x, torch.ones_like(x, dtype=torch.bool))[:, 0], x)


def test_each_datum_can_have_its_own_evidence():
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
def test_bad_arguments_are_refused(x, evidence, options, words):
    with pytest.raises(ChainruleError, match=words) as error:
        complete(PixelCNN(Binary((1, 2, 3)), blocks=1, features=2), x, evidence, **options)
    assert "\n" not in str(error.value)
