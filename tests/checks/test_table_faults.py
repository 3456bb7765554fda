"""Faults of models of tables that the laws find."""

from __future__ import annotations

import pytest

from chainrule.checks import check_autoregressive_property, check_normalization, check_sample_frequencies
from chainrule.distributions import LogisticMixture
from tests.support.models import ZOO, mixed


@pytest.mark.parametrize("name", ["made, one real column", "made, mixed table"])
def test_a_density_that_does_not_integrate_to_one_is_found(name, monkeypatch):
    log_prob = LogisticMixture.log_prob
    monkeypatch.setattr(LogisticMixture, "log_prob", lambda self, x: log_prob(self, x) + 0.01)
    finding = check_normalization(ZOO[name]())
    assert finding.status == "failed"
    assert "sums to 1.010" in finding.detail
    assert "the conditional of column '" in finding.detail


def test_samples_that_do_not_have_their_distribution_are_found(monkeypatch):
    icdf = LogisticMixture.icdf
    monkeypatch.setattr(LogisticMixture, "icdf", lambda self, noise: icdf(self, noise**1.2))
    finding = check_sample_frequencies(ZOO["made, one real column"]())
    assert finding.status == "failed"
    assert "the samples of column 'size' do not have the distribution of its conditionals" in finding.detail


def test_a_column_that_depends_on_itself_through_one_of_its_inputs_is_found():
    model = ZOO["made, mixed table"]()
    first = int(mixed.inputs[0])  # of those of 'weather', the last alone
    model.layers[0].mask[model.layers[0].mask[:, 0], first + 2] = True
    finding = check_autoregressive_property(model)
    assert finding.status == "failed"
    assert "the conditional of column 'weather' depends on column 'weather'" in finding.detail
