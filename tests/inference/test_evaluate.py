"""An evaluation is a mean over data, with its standard error, and bits/dim over every colour channel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from chainrule.checks.variants import random_data
from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.inference import Evaluation, compute_log_probs, evaluate
from chainrule.models import Independent
from tests.support.models import ZOO
from tests.support.random_models import some_model


@pytest.mark.parametrize(
    ("domain", "bits"), [(Binary((3, 2, 2)), 1.0), (Levels((3, 2, 2), 256), 8.0), (Levels((5,), 4), 2.0)]
)
def test_bits_per_dim_counts_every_colour_channel(domain, bits):
    x = torch.zeros(4, *domain.shape, dtype=torch.uint8)
    found = evaluate(Independent(domain), x)
    assert found.sites == domain.sites
    assert found.bits_per_dim == pytest.approx(bits)
    assert found.nats == pytest.approx(bits * domain.sites * math.log(2))


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_the_mean_does_not_depend_on_the_batch_size(batch_size):
    model = some_model("made, shuffled")
    x = random_data(model, 7, 3)
    nats, done = -model.log_prob(x), []
    found = evaluate(model, x, batch_size=batch_size, progress=done.append)
    assert found.nats == pytest.approx(nats.mean().item(), rel=1e-6)
    assert found.stderr == pytest.approx(np.std(nats.detach().numpy(), ddof=1) / math.sqrt(7), rel=1e-5)
    assert found.n == sum(done) == 7
    assert max(done) <= batch_size


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
    found = compute_log_probs(model, x, batch_size=2)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, model.log_prob(x).detach(), rtol=1e-6, atol=1e-6)


def test_an_evaluation_prints_its_figures():
    assert str(Evaluation(nats=80.5, stderr=0.25, n=10, sites=784)) == "80.50 ± 0.25 nats, 0.1481 bits/dim, n = 10"


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(0, 5), "the data is empty"),
        (torch.zeros(2, 6), r"\[n, 5\], not \[2, 6\]"),
        (torch.full((2, 5), 3), "values must lie in 0 … 1"),
    ],
)
def test_bad_data_are_refused(x, words):
    with pytest.raises(ChainruleError, match=words):
        evaluate(ZOO["made"](), x)
