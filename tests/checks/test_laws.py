"""Every law over every model of the zoo; and the checks themselves."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from chainrule.checks import (
    CHECKS,
    Finding,
    Report,
    check_model,
    is_distribution,
    neighbours,
    no_leak,
    receptive_field,
    sample_frequencies,
    save_load_identity,
    sequential_equals_parallel,
)
from chainrule.checks.frequencies import COUNTABLE, chi_square
from chainrule.checks.report import pairs_in_words
from chainrule.domains import Binary
from chainrule.models.made import MADE
from tests.support.models import ENSEMBLES, ZOO

ANYWHERE = (no_leak, is_distribution, sequential_equals_parallel, save_load_identity, neighbours, receptive_field)


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("law", ANYWHERE, ids=lambda law: law.__name__)
def test_law_holds(law, name):
    finding = law(ZOO[name]())
    assert finding.status == "passed", finding


@pytest.mark.parametrize("name", ZOO)
def test_samples_have_their_frequencies_where_they_can_be_counted(name):
    model = ZOO[name]()
    countable = model.domain.size <= COUNTABLE or model.domain.size == math.inf
    finding = sample_frequencies(model)
    assert finding.status == ("passed" if countable else "not run"), finding


@pytest.mark.parametrize("name", ENSEMBLES)
def test_ensembles_keep_the_laws_of_densities(name):
    model = ENSEMBLES[name]()
    report = check_model(model)
    assert report.passed, report
    countable = model.domain.size <= COUNTABLE or model.domain.size == math.inf
    ran = [finding.law for finding in report.findings if finding.status == "passed"]
    assert ran == ["2 a distribution", *["4 sample frequencies"] * countable, "5 save and load", "5 neighbours"]
    assert "check its members" in report.findings[0].detail


def test_report_says_what_was_run():
    small, large = check_model(ZOO["made"]()), check_model(ZOO["pixelcnn 5x7"]())
    assert small.passed
    assert large.passed
    assert small.findings[1].detail == "enumerated 32 outcomes"
    assert "by law 1 and normalised conditionals (2^35 outcomes" in large.findings[1].detail
    assert large.findings[3].status == "not run"
    assert str(large).splitlines()[3].startswith("not run  4 sample frequencies: 2^35 outcomes are too many")


def test_check_leaves_the_model_alone():
    model = MADE(Binary((4,)), hidden=(8,)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ticks = []
    check_model(model, progress=ticks.append)
    assert sum(ticks) == len(ticks) == CHECKS
    assert model.training
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_check_is_a_function_of_model_and_seed():
    assert check_model(ZOO["made"](), seed=3) == check_model(ZOO["made"](), seed=3)


def test_double_precision_is_held_to_a_finer_tolerance():
    model = MADE(Binary((4,)), hidden=(8,)).double()
    for law in (no_leak, is_distribution, sequential_equals_parallel, sample_frequencies, neighbours):
        assert law(model).status == "passed"


def test_a_failed_finding_fails_the_report():
    good, bad, unrun = (Finding("law", status, "so") for status in ("passed", "failed", "not run"))
    assert Report((good, unrun)).passed
    assert not Report((good, bad)).passed


def test_pairs_in_words():
    image = Binary((1, 2, 3))
    assert pairs_in_words(image, ((1, 4),)) == "the conditional of row 0, column 1 sees row 1, column 1"


def test_chi_square_agrees_with_scipy_where_no_cell_is_rare():
    counts, expected = torch.tensor([30.0, 50.0, 20.0]).double(), torch.tensor([25.0, 50.0, 25.0]).double()
    assert chi_square(counts, expected) == pytest.approx(stats.chisquare(counts, expected).pvalue)


def test_chi_square_merges_rare_cells():
    expected = torch.tensor([50.0, 44.0, 2.0, 2.0, 2.0]).double()
    counts = torch.tensor([48.0, 45.0, 7.0, 0.0, 0.0]).double()
    merged = stats.chisquare([48.0, 45.0, 7.0], [50.0, 44.0, 6.0]).pvalue
    assert chi_square(counts, expected) == pytest.approx(merged)


def test_chi_square_gives_the_rarest_cell_what_is_too_little_for_one():
    expected = torch.tensor([1.0, 60.0, 39.0]).double()
    counts = torch.tensor([9.0, 55.0, 36.0]).double()
    assert chi_square(counts, expected) == pytest.approx(stats.chisquare([55.0, 45.0], [60.0, 40.0]).pvalue)


def test_chi_square_of_one_cell_says_nothing():
    assert chi_square(torch.tensor([100.0, 0.0]).double(), torch.tensor([99.0, 1.0]).double()) == 1.0
