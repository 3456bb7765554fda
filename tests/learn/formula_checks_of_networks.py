"""Checks of the formulas of sequences, networks, autoencoders and distributions, against other computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.learn import backpropagation
from chainrule.learn.autoencoder import Autoencoder
from chainrule.learn.binary_likelihoods import bernoulli_probs, cross_entropy
from chainrule.learn.product_rule import factorize_joint, multiply_conditionals
from chainrule.learn.time_series import LinearAR
from tests.learn.formula_checks import checks_formulas, randomize_weights, sum_log_probs_by_site

# Autoregression.

JOINT = np.arange(1.0, 17.0).reshape(2, 2, 2, 2) / 136
"""The joint table of four binary variables."""


@checks_formulas("product-rule")
def product() -> None:
    first, second, third, last = factorize_joint(JOINT)
    for x in np.ndindex(JOINT.shape):
        p = first[x[0]] * second[x[:2]] * third[x[:3]] * last[x]
        assert multiply_conditionals([first, second, third, last])[x] == pytest.approx(p, rel=1e-12)
        assert p == pytest.approx(JOINT[x], rel=1e-12)


@checks_formulas("four-factors")
def four_factors() -> None:
    for d, table in enumerate(factorize_joint(JOINT)):
        for x in np.ndindex(table.shape):
            assert table[x] == pytest.approx(JOINT[x].sum() / JOINT[x[:d]].sum(), rel=1e-12)


@checks_formulas("linear-autoregression")
def linear_autoregression() -> None:
    model = LinearAR(constant=1.0, weights=(0.5, -0.25), std=2.0)
    x = [4.0, 8.0, 3.0, -1.0]
    means = [1 + 0.5 * 8 - 0.25 * 4, 1 + 0.5 * 3 - 0.25 * 8]
    by_hand = [
        -((value - mean) ** 2) / 8 - np.log(2 * np.sqrt(2 * np.pi)) for value, mean in zip(x[2:], means, strict=True)
    ]
    np.testing.assert_allclose(model.log_prob(x), by_hand)


# Forward and backward pass.

VALUES = {"a0": 0.5, "w1": -1.25, "b1": 0.75, "w2": 2.0, "b2": -0.5, "y": 0.25}


def chain_cost(**changed: float) -> float:
    """Return the cost of the chain with tanh, written out in one expression."""
    n = VALUES | changed
    return float((np.tanh(np.tanh(n["a0"] * n["w1"] + n["b1"]) * n["w2"] + n["b2"]) - n["y"]) ** 2)


@checks_formulas("chain-z1", "chain-a1", "chain-z2", "chain-a2", "chain-cost")
def chain_forward() -> None:
    chain = backpropagation.forward_chain(**VALUES, activation="tanh")
    z1 = 0.5 * -1.25 + 0.75
    z2 = np.tanh(z1) * 2 - 0.5
    found = [chain.z1, chain.a1, chain.z2, chain.a2, chain.c]
    np.testing.assert_allclose(found, [z1, np.tanh(z1), z2, np.tanh(z2), chain_cost()], rtol=1e-14)


def chain_backward(weight: str) -> None:
    """Check that the product of the factors is the slope of the cost."""
    factors = backpropagation.backward_chain(backpropagation.forward_chain(**VALUES, activation="tanh"))
    last = factors.da2_dz2 * factors.dc_da2
    product = {"w1": factors.dz1_dw1 * factors.da1_dz1 * factors.dz2_da1 * last, "w2": factors.dz2_dw2 * last}
    slope = (chain_cost(**{weight: VALUES[weight] + 1e-6}) - chain_cost(**{weight: VALUES[weight] - 1e-6})) / 2e-6
    assert product[weight] == pytest.approx(slope, rel=1e-7)
    assert getattr(factors, f"dc_d{weight}") == product[weight]


@checks_formulas("chain-w1")
def chain_w1() -> None:
    chain_backward("w1")


@checks_formulas("chain-w2")
def chain_w2() -> None:
    chain_backward("w2")


def network_and_data(*widths: int) -> tuple[backpropagation.Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return backpropagation.init_network(widths, "sigmoid"), rng.normal(size=(3, widths[0])), rng.random((3, widths[-1]))


@checks_formulas("neuron-z", "neuron-a", "neuron-cost", "layer-z", "layer-a", "layer-cost")
def layers_forward() -> None:
    for widths in ((1, 1, 1), (4, 3, 2)):
        network, x, y = network_and_data(*widths)
        values = backpropagation.forward(network, x)
        for datum in range(len(x)):
            a = x[datum]
            for layer, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
                z = [sum(w[j, k] * a[k] for k in range(len(a))) + b[j] for j in range(len(b))]
                np.testing.assert_allclose(values.z[layer][datum], z, rtol=1e-12)
                a = 1 / (1 + np.exp(-np.array(z)))
                np.testing.assert_allclose(values.a[layer + 1][datum], a, rtol=1e-12)
            c = sum((a[j] - y[datum, j]) ** 2 for j in range(len(a)))
            assert backpropagation.cost(values.output, y)[datum] == pytest.approx(c, rel=1e-12)


@checks_formulas("neuron-weight", "layer-weight", "layer-below")
def layers_backward() -> None:
    for widths in ((1, 1, 1), (4, 3, 2)):
        network, x, y = network_and_data(*widths)
        leaves = [torch.from_numpy(w.copy()).requires_grad_() for w in network.weights]
        activations = [torch.from_numpy(x.copy()).requires_grad_()]
        for w, b in zip(leaves, network.biases, strict=True):
            activations.append((activations[-1] @ w.mT + torch.from_numpy(b)).sigmoid())
            activations[-1].retain_grad()
        ((activations[-1] - torch.from_numpy(y)) ** 2).sum().backward()
        found = backpropagation.backward(network, x, y)
        for ours, theirs in zip([*found.weights, *found.a], [*leaves, *activations], strict=True):
            np.testing.assert_allclose(ours, theirs.grad, rtol=1e-10)


# Autoencoders.


def autoencoder() -> tuple[Autoencoder, np.ndarray, np.ndarray]:
    """Return an autoencoder with nonzero biases, data x, and codes h."""
    model, rng = Autoencoder(sites=5, hidden=3), np.random.default_rng(0)
    model.b.data, model.c.data = torch.tensor([0.5, -1.0, 2.0]), torch.linspace(-1, 1, 5)
    return model, rng.random((4, 5)), rng.normal(size=(4, 3)).astype(np.float32)


@checks_formulas("encoder")
def encoder() -> None:
    model, x, _ = autoencoder()
    W, b = model.W.detach().numpy(), model.b.detach().numpy()
    np.testing.assert_allclose(
        model.encode(torch.from_numpy(x)).detach(), [np.tanh(b + W @ row) for row in x], rtol=1e-4, atol=1e-6
    )


@checks_formulas("decoder")
def decoder() -> None:
    model, _, h = autoencoder()
    V, c = model.V.detach().numpy(), model.c.detach().numpy()
    np.testing.assert_allclose(
        model.decode(torch.from_numpy(h)).detach(), [1 / (1 + np.exp(-c - V @ row)) for row in h], rtol=1e-4
    )


X, X_HAT = torch.tensor([[1, 0, 1], [0, 0, 1]]), torch.tensor([[0.5, 0.25, 0.125], [0.75, 0.5, 0.5]])


@checks_formulas("cross-entropy")
def entropy() -> None:
    by_hand = [-np.log(0.5) - np.log(0.75) - np.log(0.125), -np.log(0.25) - np.log(0.5) - np.log(0.5)]
    np.testing.assert_allclose(cross_entropy(X, X_HAT), by_hand, rtol=1e-12)


# Distributions.


@checks_formulas("output-probability")
def output_probability() -> None:
    assert bernoulli_probs(X, X_HAT).tolist() == [[0.5, 0.75, 0.125], [0.25, 0.5, 0.5]]


@checks_formulas("likelihood-of-ones")
def likelihood_of_ones() -> None:
    model = randomize_weights(cr.MADE(cr.Binary((4,)), hidden=(5,)))
    x = torch.cat(list(model.domain.outcomes()))
    torch.testing.assert_close(
        cross_entropy(x, model.conditionals(x).logits, logits=True), -sum_log_probs_by_site(model, x)
    )


@checks_formulas("likelihood")
def likelihood() -> None:
    model = randomize_weights(cr.MADE(cr.Binary((4,)), hidden=(5,)))
    x = torch.cat(list(model.domain.outcomes()))
    ones = model.conditionals(x).log_probs[..., 1].exp()
    by_hand = -(x * ones.log() + (1 - x.double()) * (1 - ones).log()).sum(1)
    torch.testing.assert_close(-model.log_prob(x), by_hand)
    torch.testing.assert_close(model.log_prob(x), sum_log_probs_by_site(model, x))
