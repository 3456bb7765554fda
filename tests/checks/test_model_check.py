"""Check every law on every model of the zoo, and check `check_model` itself."""

from __future__ import annotations

import math

import pytest
import torch

from chainrule.checks import (
    check_autoregressive_property,
    check_batch_independence,
    check_model,
    check_normalization,
    check_receptive_field,
    check_sample_frequencies,
    check_sampler,
    check_save_load,
)
from chainrule.checks.model_check import NUM_CHECKS
from chainrule.checks.sample_frequencies import MAX_OUTCOMES
from chainrule.domains import Binary
from chainrule.models import MADE
from tests.support.models import ENSEMBLES, ZOO

CHECKS = (
    check_autoregressive_property,
    check_normalization,
    check_sampler,
    check_save_load,
    check_batch_independence,
    check_receptive_field,
)


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_law_holds_for_every_model(check, name):
    finding = check(ZOO[name]())
    assert finding.status == "passed", finding


@pytest.mark.parametrize("name", ZOO)
def test_sample_frequencies_are_right_where_outcomes_can_be_counted(name):
    model = ZOO[name]()
    countable = model.domain.size <= MAX_OUTCOMES or model.domain.size == math.inf
    finding = check_sample_frequencies(model)
    assert finding.status == ("passed" if countable else "not run"), finding


@pytest.mark.parametrize("name", ENSEMBLES)
def test_the_laws_of_densities_hold_for_ensembles(name):
    model = ENSEMBLES[name]()
    report = check_model(model)
    assert report.passed, report
    countable = model.domain.size <= MAX_OUTCOMES or model.domain.size == math.inf
    passed = [finding.law for finding in report.findings if finding.status == "passed"]
    assert passed == [
        "2 normalization",
        *["4 sample frequencies"] * countable,
        "5 save and load",
        "5 batch independence",
    ]
    assert "check its components" in report.findings[0].detail


def test_the_report_says_what_was_tested():
    small, large = check_model(ZOO["made"]()), check_model(ZOO["pixelcnn 5x7"]())
    assert small.passed
    assert large.passed
    assert small.findings[1].detail == "enumerated 32 outcomes"
    assert "by law 1 and normalised conditionals (2^35 outcomes" in large.findings[1].detail
    assert large.findings[3].status == "not run"
    assert str(large).splitlines()[3].startswith("not run  4 sample frequencies: 2^35 outcomes are too many")


def test_check_model_does_not_change_the_model():
    model = MADE(Binary((4,)), hidden=(8,)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    steps = []
    check_model(model, progress=steps.append)
    assert sum(steps) == len(steps) == NUM_CHECKS
    assert model.training
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_report_is_a_function_of_model_and_seed():
    assert check_model(ZOO["made"](), seed=3) == check_model(ZOO["made"](), seed=3)


def test_the_laws_hold_in_double_precision_with_a_finer_tolerance():
    model = MADE(Binary((4,)), hidden=(8,)).double()
    checks = (
        check_autoregressive_property,
        check_normalization,
        check_sampler,
        check_sample_frequencies,
        check_batch_independence,
    )
    for check in checks:
        assert check(model).status == "passed"
