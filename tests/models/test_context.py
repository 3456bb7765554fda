"""Models with a context: every class has a distribution of its own, for likelihoods, draws and any evidence."""

from __future__ import annotations

import math
import warnings

import pytest
import torch

import chainrule as cr
from chainrule.checks import check_model
from chainrule.checks.sample_frequencies import chi_square
from chainrule.inference import compute_log_probs
from chainrule.models import Ensemble
from tests.support.context_models import (
    CLASSES,
    BlendedClasses,
    ClassConditional,
    FastClassConditional,
    ForgetfulClassConditional,
    TableConditional,
)
from tests.support.models import ENSEMBLES, ZOO

DOMAIN = cr.Binary((1, 2, 2))
OUTCOMES = next(DOMAIN.outcomes())
N = 6000
MODELS = {
    "recomputing": lambda: ClassConditional(DOMAIN, seed=1),
    "fast sampler": lambda: FastClassConditional(DOMAIN, seed=1),
    "ensemble": lambda: Ensemble([FastClassConditional(DOMAIN, seed=seed) for seed in (1, 2)]),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


def probabilities(model, label):
    """Return p(x | label) of all outcomes, by the parallel pass."""
    return model.log_prob(OUTCOMES, torch.full((len(OUTCOMES),), label)).exp().detach()


def counts(draws):
    """Return how often each outcome is drawn."""
    return torch.bincount(DOMAIN.outcome_index(draws), minlength=len(OUTCOMES)).double()


def test_every_class_has_a_distribution_of_its_own(model):
    tables = torch.stack([probabilities(model, label) for label in range(CLASSES)])
    torch.testing.assert_close(tables.sum(1), torch.ones(CLASSES, dtype=tables.dtype))
    assert (tables[0] - tables[1]).abs().max() > 0.05


def test_samples_follow_the_class_of_each_datum(model):
    labels = torch.arange(CLASSES * N) % CLASSES
    draws = model.sample(len(labels), seed=3, context=labels)
    for label in range(CLASSES):
        assert chi_square(counts(draws[labels == label]), N * probabilities(model, label)) > 1e-4
    assert chi_square(counts(draws[labels == 0]), N * probabilities(model, 1)) < 1e-9


def test_a_draw_depends_on_its_own_context_and_not_on_the_batch_size(model):
    labels = [0, 1, 2, 1, 0]
    draws = cr.sample(model, 5, seed=4, context=labels)
    assert torch.equal(cr.sample(model, 5, seed=4, context=labels, batch_size=2), draws)
    assert torch.equal(cr.sample(model, 3, seed=4, context=labels[:3]), draws[:3])


@pytest.mark.parametrize(
    "evidence",
    [[True, True, False, False], [False, False, False, True], [True, False, False, True]],
    ids=["a prefix", "the last site", "a prefix and the last site"],
)
def test_imputations_equal_enumeration_for_each_class(model, evidence):
    evidence, x = torch.tensor(evidence).view(DOMAIN.shape), OUTCOMES[6:7].expand(CLASSES, *DOMAIN.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imputation = cr.impute(model, x, evidence, n=N, particles=N, seed=5, context=torch.arange(CLASSES))
    agree = (x[:1] == OUTCOMES)[:, evidence].all(1)
    for label in range(CLASSES):
        joint = torch.where(agree, probabilities(model, label), 0.0).double()
        index = DOMAIN.outcome_index(imputation.values[label])
        assert bool(joint[index].gt(0).all())
        frequency = torch.zeros(len(OUTCOMES), dtype=torch.float64).index_add(0, index, imputation.weights[label])
        slack = 4 * (0.25 / imputation.ess[label].item()) ** 0.5
        assert (frequency - joint / joint.sum()).abs().max() < slack
        tolerance = 1e-4 if imputation.exact[label] else 0.06
        assert imputation.log_evidence[label].item() == pytest.approx(joint.sum().log().item(), abs=tolerance)


def test_log_evidence_uses_the_class_of_each_datum(model):
    """Use batches of one datum, and patterns of evidence that put the data in another order."""
    labels, x = torch.tensor([2, 0, 1, 2, 0]), OUTCOMES[[3, 9, 5, 7, 1]]
    lengths = torch.tensor([3, 1, 2, 1, 3])
    evidence = (torch.arange(4) < lengths[:, None]).view(-1, *DOMAIN.shape)
    imputation = cr.impute(model, x, evidence, n=1, context=labels, batch_size=1)
    for row, label in enumerate(labels.tolist()):
        agree = (x[row] == OUTCOMES)[:, evidence[row]].all(1)
        total = probabilities(model, label)[agree].sum().log().item()
        assert imputation.log_evidence[row].item() == pytest.approx(total, abs=1e-5)


def test_nested_ensembles_choose_components_by_the_class_of_each_datum():
    models = [FastClassConditional(DOMAIN, seed=seed) for seed in (1, 2, 3)]
    nested, evidence = Ensemble([models[0], Ensemble(models[1:])]), torch.tensor([[[True, True], [False, False]]])
    labels = torch.arange(CLASSES * N // 2) % CLASSES  # every batch has data of all classes
    x = OUTCOMES[6:7].expand(len(labels), *DOMAIN.shape)
    values = cr.complete(nested, x, evidence, seed=5, context=labels)[:, 0]
    agree = (x[:1] == OUTCOMES)[:, evidence].all(1)
    for label in range(CLASSES):
        expected = probabilities(nested, label)[agree]
        assert chi_square(counts(values[labels == label])[agree], N // 2 * expected / expected.sum()) > 1e-4


def test_gaps_in_data_keep_their_context():
    """Group rows of a table by their pattern of gaps, in training, and in evaluation with an empty row."""
    model = TableConditional(seed=1)
    x = torch.tensor(
        [[1.0, 0.0, 2.0], [math.nan] * 3, [0.0, math.nan, math.nan], [1.0, 1.0, math.nan], [2.0, 0.0, 1.0]]
    )
    x, labels = x.double(), torch.tensor([2, 1, 0, 1, 0])
    single = [model(x[row : row + 1], context=labels[row : row + 1]) for row in range(len(x))]
    torch.testing.assert_close(model(x, context=labels), torch.cat(single))
    with_values = [0, 2, 3, 4]
    nats = -torch.cat([single[row] for row in with_values]).mean().item()
    result = cr.evaluate(model, x, context=labels)
    assert (result.n, result.empty) == (4, 1)
    assert result.nats == pytest.approx(nats)


def test_completions_are_those_of_a_single_datum(model):
    evidence, labels = torch.tensor([True, True, False, False]).view(DOMAIN.shape), torch.tensor([2, 0])
    x = OUTCOMES[[3, 9]]
    both = cr.complete(model, x, evidence, n=7, seed=6, context=labels, batch_size=5)
    assert torch.equal(cr.complete(model, x[:1], evidence, n=7, seed=6, context=labels[:1]), both[:1])
    assert not torch.equal(cr.complete(model, x, evidence, n=7, seed=6, context=labels.flip(0)), both)


def test_an_evaluation_is_the_mean_over_data_with_their_classes(model):
    labels = torch.arange(len(OUTCOMES)) % CLASSES
    log_probs = model.log_prob(OUTCOMES, labels).detach()
    result = cr.evaluate(model, OUTCOMES, context=labels.numpy(), batch_size=3)
    assert result.nats == pytest.approx(-log_probs.mean().item())
    torch.testing.assert_close(compute_log_probs(model, OUTCOMES, context=labels), log_probs.double())
    assert cr.evaluate(model, OUTCOMES, context=labels.flip(0)).nats != pytest.approx(result.nats)


@pytest.mark.parametrize(
    ("context", "found"), [([0, 1], "2 rows"), (1, "a single value"), (torch.zeros(4, dtype=torch.int64), "4 rows")]
)
def test_a_context_of_another_length_is_refused(context, found):
    model, x = MODELS["recomputing"](), OUTCOMES[:3]
    calls = (
        lambda: model.sample(3, context=context),
        lambda: cr.evaluate(model, x, context=context),
        lambda: cr.complete(model, x, torch.ones(DOMAIN.shape, dtype=torch.bool), context=context),
    )
    for call in calls:
        message = f"the context needs one row for each of the 3 data, and it has {found}"
        with pytest.raises(cr.ChainruleError, match=message):
            call()


@pytest.mark.parametrize(
    "name", ["independent", "made", "made, mixed table", "pixelcnn 3x3", "row 5x7", "diagonal 5x7"]
)
def test_models_without_a_context_refuse_one(name):
    model = ZOO[name]()
    x, context = torch.zeros(2, *model.domain.shape, dtype=model.domain.dtype), torch.tensor([0, 1])
    evidence = torch.zeros(model.domain.sites, dtype=torch.bool)
    evidence[model.order.sites[0]] = True
    calls = (
        lambda: model.conditionals(x, context),
        lambda: model.log_prob(x, context),
        lambda: model.log_marginal(x, evidence, context),
        lambda: model(x, context=context),
        lambda: model.sample(2, context=context),
    )
    for call in calls:
        with pytest.raises(cr.ChainruleError, match="this model takes no context; leave context out"):
            call()


def test_an_ensemble_passes_the_context_to_its_components():
    with pytest.raises(cr.ChainruleError, match="this model takes no context"):
        ENSEMBLES["of members"]().sample(2, context=[0, 1])


@pytest.mark.parametrize("name", MODELS)
def test_the_laws_hold_for_every_context(name):
    report = check_model(MODELS[name](), context=torch.arange(CLASSES))
    assert report.passed, report


@pytest.mark.parametrize(
    ("model", "law"),
    [(ForgetfulClassConditional, "3 sequential equals parallel"), (BlendedClasses, "5 batch independence")],
)
def test_faults_in_the_path_of_the_context_are_found(model, law):
    report = check_model(model(DOMAIN), context=torch.arange(CLASSES))
    assert any(law in finding.law and not finding.passed for finding in report.findings), report
