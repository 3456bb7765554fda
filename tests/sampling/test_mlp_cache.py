"""The cache of a masked MLP computes each unit once, with the values of a plain forward pass."""

from __future__ import annotations

import pytest
import torch

from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.domains import Binary, Levels, Order, shuffled
from chainrule.models import MADE
from chainrule.sampling import activation_plan, mlp_cache
from chainrule.sampling.mlp_cache import ActivationCache

ONE = torch.ones(3, dtype=torch.int64)


def test_a_plan_by_hand():
    hidden = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]]).bool()
    outputs = torch.tensor([[0, 0, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]]).bool()
    plan = activation_plan(Order((0, 1, 2)), ONE, ONE, [hidden, outputs], None)
    assert [group.tolist() for group in plan.groups] == [[0], [1], [2]]
    assert [order.tolist() for order in plan.orders] == [[0, 1, 2], [3, 0, 2, 1], [0, 1, 2]]
    assert plan.counts == ((0, 1, 2), (1, 3, 4), (1, 2, 3))
    assert plan.sources == ((0,), (1,))
    assert [plan.computed_before(1, step) for step in range(4)] == [0, 1, 3, 4]
    assert [plan.known_at(0, step) for step in range(4)] == [0, 1, 2, 3]


def test_sites_that_depend_on_the_same_prefix_form_a_group():
    outputs = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 0]]).bool()
    plan = activation_plan(Order((0, 1, 2)), ONE, ONE, [outputs], None)
    assert [group.tolist() for group in plan.groups] == [[0], [1, 2]]
    direct = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 1, 0]]).bool()
    plan = activation_plan(Order((0, 1, 2)), ONE, ONE, [outputs], direct)
    assert [group.tolist() for group in plan.groups] == [[0], [1], [2]]
    assert plan.sources == ((0, 0),)


def test_a_block_ends_where_it_has_enough_units(monkeypatch):
    plan = MADE(Binary((20,)), hidden=(30,)).sampler().plan.activations
    monkeypatch.setattr(mlp_cache, "BLOCK_UNITS", 10)
    first, ends = 0, []
    while first < len(plan.groups):
        first = plan.end_of_block(first)
        ends.append(first)
    assert ends[-1] == len(plan.groups)
    assert len(ends) > 3
    monkeypatch.setattr(mlp_cache, "BLOCK_UNITS", 1)
    assert plan.end_of_block(3) >= 4


MODELS = {
    "one layer": lambda: MADE(Binary((12,)), hidden=(20,)),
    "three layers, shuffled": lambda: MADE(Binary((9,)), hidden=(8, 12, 7), order=shuffled(Binary((9,)), seed=2)),
    "direct connections": lambda: MADE(Levels((7,), 3), hidden=(11, 9), direct_connections=True),
    "no hidden layer": lambda: MADE(Binary((6,)), hidden=(), direct_connections=True),
}


def forward(model, x):
    """Return the inputs, hidden activations and outputs of a plain forward pass."""
    activations = [model.encode(x).flatten(1)]
    for layer in model.layers:
        activations.append(torch.relu(layer(activations[-1])))
    outputs = model.output(activations[-1])
    return activations, outputs if model.skip is None else outputs + model.skip(activations[0])


@pytest.fixture(params=MODELS)
def model(request):
    return perturbed_copy(MODELS[request.param](), 1).double()


@torch.no_grad()
@pytest.mark.parametrize("block_units", [1, 6, 512])
def test_steps_compute_what_a_forward_pass_computes(model, block_units, monkeypatch):
    monkeypatch.setattr(mlp_cache, "BLOCK_UNITS", block_units)
    x, sampler = random_data(model, 4, 0), model.sampler()
    activations, outputs = forward(model, x)
    plan, cache = sampler.plan.activations, ActivationCache.allocate(sampler.network, 4, 0)
    begin = 0
    for step in range(len(plan.groups)):
        end = plan.counts[-1][step]
        torch.testing.assert_close(cache.outputs(), outputs[:, plan.orders[-1][begin:end]], rtol=1e-12, atol=1e-12)
        inputs = slice(plan.known_at(0, step), plan.known_at(0, step + 1))
        cache.append(activations[0][:, plan.orders[0][inputs]])
        begin = end
    for mine, whole, order in zip(cache.activations, activations, plan.orders, strict=False):
        known = slice(plan.known_at(0, len(plan.groups)) if mine is cache.activations[0] else None)
        torch.testing.assert_close(mine[:, known], whole[:, order][:, known], rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_prefill_and_an_earlier_copy_equal_the_steps(model):
    x, sampler = random_data(model, 4, 0), model.sampler()
    inputs = forward(model, x)[0][0]
    plan = sampler.plan.activations
    stepped = ActivationCache.allocate(sampler.network, 4, 0)
    half = len(plan.groups) // 2
    for step in range(half):
        stepped.append(inputs[:, plan.orders[0][slice(plan.known_at(0, step), plan.known_at(0, step + 1))]])
    prefilled = ActivationCache.allocate(sampler.network, 4, half)
    prefilled.prefill(inputs[:, plan.orders[0][: plan.known_at(0, half)]])
    expected = prefilled.copy(half, torch.tensor([2, 0])).outputs()
    torch.testing.assert_close(stepped.outputs()[[2, 0]], expected, rtol=1e-12, atol=1e-12)
    for step in range(half, len(plan.groups)):
        stepped.append(inputs[:, plan.orders[0][slice(plan.known_at(0, step), plan.known_at(0, step + 1))]])
    assert torch.equal(stepped.copy(half, torch.tensor([2, 0])).outputs(), expected)
