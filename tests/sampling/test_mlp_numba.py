"""The compiled loop of MADE draws what the steps draw, and leaves states as they were."""

from __future__ import annotations

import sys

import pytest
import torch

import chainrule.sampling
from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.inference import sample
from chainrule.models import MADE
from chainrule.sampling import InverseCDFDraw, MLPSampler, decode_batches
from chainrule.sampling.mlp_numba import load_kernels
from chainrule.seeding import generator
from tests.support.models import ZOO
from tests.support.samplers import recomputing

COMPILED = [name for name in ZOO if name.startswith("made") and "table" not in name and "column" not in name]
COMPILED.remove("made, large numbers")


@pytest.fixture
def no_numba(monkeypatch):
    """Behave as if numba were not installed."""
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "chainrule.sampling.mlp_kernels", raising=False)
    monkeypatch.delattr(chainrule.sampling, "mlp_kernels", raising=False)
    load_kernels.cache_clear()
    yield
    load_kernels.cache_clear()


@pytest.fixture
def loop_results(monkeypatch):
    """The result of each call of the loop."""
    results, sample_remaining = [], MLPSampler.sample_remaining
    monkeypatch.setattr(
        MLPSampler, "sample_remaining", lambda *args: results.append(sample_remaining(*args)) or results[-1]
    )
    return results


@pytest.mark.parametrize("name", COMPILED)
def test_the_loop_draws_all_sites(name, loop_results):
    model = ZOO[name]()
    assert torch.equal(sample(model, 2, seed=1).flatten(1)[:, model.order.sites], loop_results[0])


@pytest.mark.parametrize("name", COMPILED)
def test_without_numba_the_steps_draw_the_same(name, loop_results, no_numba):
    model = perturbed_copy(ZOO[name](), 3).double()
    assert torch.equal(sample(model, 3, seed=2), sample(recomputing(model), 3, seed=2))
    assert loop_results == [None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["made, 60 sites", "made, shuffled, direct, levels", "made, 256 levels"])
def test_the_loop_takes_any_temperature_and_batch_size(name, dtype, loop_results):
    model = perturbed_copy(ZOO[name](), 3).to(dtype)
    for temperature in (0.5, 1.0, 3.0):
        expected = sample(recomputing(model), 70, seed=5, temperature=temperature)
        for batch_size in (1, 7, 70):
            assert torch.equal(sample(model, 70, seed=5, temperature=temperature, batch_size=batch_size), expected)
    assert all(each is not None for each in loop_results)


@pytest.mark.parametrize("name", ["made, 60 sites", "made, shuffled, direct, levels"])
def test_the_loop_keeps_the_evidence_of_each_datum(name, loop_results):
    """Begin after a prefix, with other evidence for each datum among the remaining sites."""
    model = perturbed_copy(ZOO[name](), 3).double()
    x, rank, keys = random_data(model, 9, 1), model.order.rank, [(row,) for row in range(9)]
    lengths = torch.linspace(1, model.domain.sites, 9).long()
    evidence = (rank < lengths[:, None]).view(x.shape)
    drawn = decode_batches(model, x, evidence, keys, seed=4)
    assert loop_results[0] is not None
    assert torch.equal(drawn[evidence], x[evidence])
    assert torch.equal(drawn, decode_batches(recomputing(model), x, evidence, keys, seed=4))


def test_the_loop_does_not_change_a_state():
    model = perturbed_copy(ZOO["made, 60 sites"](), 3).double()
    sampler, x = model.sampler(), random_data(model, 2, 1)
    half = len(sampler.schedule) // 2
    with torch.no_grad():
        state = sampler.prefill(x, half)
        later = sampler.step(state, x[:, sampler.schedule[half]])
        logits, draw = sampler.predict(later).logits, InverseCDFDraw(torch.rand(2, 60, generator=generator(1)).double())
        drawn = sampler.sample_remaining(state, draw)  # although the cache has gone on
        assert torch.equal(sampler.sample_remaining(sampler.prefill(x, half), draw), drawn)
        torch.testing.assert_close(sampler.predict(later).logits, logits)


def test_the_loop_refuses_a_temperature_of_0():
    sampler = ZOO["made"]().sampler()
    with pytest.raises(ChainruleError, match="temperature"):
        sampler.sample_remaining(sampler.init_state(1), InverseCDFDraw(torch.zeros(1, 5).double(), 0.0))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_loop_never_draws_an_impossible_value(temperature, loop_results):
    binary, levels = MADE(Binary((60,)), hidden=(8,)), MADE(Levels((20,), 3), hidden=(8,))
    with torch.no_grad():
        binary.output.bias.copy_(torch.tensor([torch.inf, -torch.inf]).repeat(30))
        levels.output.bias.copy_(torch.tensor([-torch.inf, 0.0, -torch.inf]).repeat(20))
    assert (sample(binary, 5, temperature=temperature) == torch.tensor([1, 0]).repeat(30)).all()
    assert (sample(levels, 5, temperature=temperature) == 1).all()
    assert len(loop_results) == 2
    assert all(each is not None for each in loop_results)


@pytest.mark.parametrize("name", ["made, mixed table", "made, table of levels"])
def test_tables_are_drawn_step_by_step(name, loop_results):
    sample(ZOO[name](), 2, seed=1)
    assert loop_results == [None]
