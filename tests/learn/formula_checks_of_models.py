"""Checks of the formulas of masks, convolutions, recurrence, ensembles and outputs, against other computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.distributions import Conditionals
from chainrule.layers.linear import MaskedLinear
from chainrule.layers.masks import convolution_mask, degree_mask
from chainrule.layers.residual import ResidualBlock
from chainrule.learn.causal_convolution import colour_log_probs
from chainrule.learn.convolution_arithmetic import convolve
from chainrule.learn.made_masks import count_paths
from chainrule.learn.pixel_outputs import discretize_gaussian
from chainrule.learn.recurrent_networks import lstm_step, rnn_jacobian, rnn_step
from tests.learn.formula_checks import checks_formulas, randomize_weights, sum_log_probs_by_site

M1, M2, SITES = torch.tensor([1, 3, 2, 1]), torch.tensor([2, 1, 3]), torch.arange(1, 5)
"""The degrees of two layers and of the inputs, D = 4."""

# Masks.


@checks_formulas("masked-hidden", "masked-output")
def masked_layers() -> None:
    rng = np.random.default_rng(0)
    mask, x = rng.random((3, 5)) < 0.5, rng.normal(size=(2, 5)).astype(np.float32)
    layer = MaskedLinear(torch.from_numpy(mask), torch.Generator().manual_seed(0))
    layer.weight.data = torch.ones(3, 5)
    layer.bias.data = torch.tensor([1.0, 2.0, 3.0])
    by_hand = [[sum(x[n, d] for d in range(5) if mask[k, d]) + k + 1 for k in range(3)] for n in range(2)]
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach(), by_hand, rtol=1e-5)


@checks_formulas("mask-hidden")
def mask_hidden() -> None:
    by_hand = [[int(m >= d) for d in (1, 2, 3, 4)] for m in (1, 3, 2, 1)]
    assert degree_mask(M1, SITES, strict=False).int().tolist() == by_hand
    assert by_hand == [[1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]


@checks_formulas("mask-output")
def mask_output() -> None:
    assert degree_mask(SITES, M1, strict=True).int().tolist() == [
        [0, 0, 0, 0],
        [1, 0, 0, 1],
        [1, 0, 1, 1],
        [1, 1, 1, 1],
    ]


@checks_formulas("mask-deep")
def mask_deep() -> None:
    assert degree_mask(M2, M1, strict=False).int().tolist() == [[1, 0, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]


@checks_formulas("mask-last")
def mask_last() -> None:
    assert degree_mask(SITES, M2, strict=True).int().tolist() == [[0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 1]]


@checks_formulas("mask-direct")
def mask_direct() -> None:
    assert torch.equal(degree_mask(SITES, SITES, strict=True), torch.ones(4, 4).tril(-1).bool())


@checks_formulas("mask-product")
def mask_product() -> None:
    hidden, output = degree_mask(M1, SITES, strict=False), degree_mask(SITES, M1, strict=True)
    by_hand = [[sum(int(output[d, k]) * int(hidden[k, e]) for k in range(4)) for e in range(4)] for d in range(4)]
    assert count_paths([hidden, output]).tolist() == by_hand
    assert all(by_hand[d][e] == 0 for d in range(4) for e in range(d, 4))


# Convolution.


@checks_formulas("convolution")
def convolution() -> None:
    assert convolve(np.arange(9).reshape(3, 3), np.arange(4).reshape(2, 2)).tolist() == [[19, 25], [37, 43]]
    x, k = np.random.default_rng(0).normal(size=(6, 5)), np.random.default_rng(1).normal(size=(3, 2))
    maps, kernels = torch.from_numpy(x)[None, None], torch.from_numpy(k)[None, None]
    theirs = torch.nn.functional.conv2d(maps, kernels, stride=2, padding=1)
    np.testing.assert_allclose(convolve(x, k, stride=2, padding=1), theirs[0, 0], rtol=1e-12)


@checks_formulas("colours")
def colours() -> None:
    model = randomize_weights(cr.PixelCNN(cr.Levels((3, 2, 2), 3), blocks=1, features=6))
    x = torch.randint(3, (4, 3, 2, 2), generator=torch.Generator().manual_seed(0))
    found = colour_log_probs(model, x, row=1, column=0)
    images = x.clone()
    images[:, :, 1, 1] = 0
    for colour in (2, 1, 0):  # what a colour may not see is taken away before it is asked for
        images[:, colour, 1, 0] = 0
        table = model.conditionals(images).log_probs[:, colour, 1, 0]
        torch.testing.assert_close(found[:, colour], table.gather(1, x[:, colour, 1, 0, None])[:, 0])
    whole = sum(colour_log_probs(model, x, row=row, column=column).sum(1) for row in range(2) for column in range(2))
    torch.testing.assert_close(whole, model.log_prob(x))


@checks_formulas("image")
def image() -> None:
    model = randomize_weights(cr.PixelCNN(cr.Levels((1, 3, 4), 3), blocks=1, features=4))
    x = torch.randint(3, (5, 1, 3, 4), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.log_prob(x), sum_log_probs_by_site(model, x))


def kernel_by_hand(outputs: int, inputs: int, kind: str) -> np.ndarray:
    """Return the mask of a 3×3 kernel by hand, with one feature for each colour."""
    mask = np.zeros((outputs, inputs, 3, 3), dtype=bool)
    for c in range(outputs):
        for b in range(inputs):
            for row in range(3):
                for column in range(3):
                    centre = b < c if kind == "A" else b <= c
                    mask[c, b, row, column] = (row, column) < (1, 1) or ((row, column) == (1, 1) and centre)
    return mask


@checks_formulas("mask-a")
def mask_a() -> None:
    groups = torch.arange(3)
    assert np.array_equal(convolution_mask(groups, groups, (3, 3), "A"), kernel_by_hand(3, 3, "A"))


@checks_formulas("mask-b")
def mask_b() -> None:
    groups = torch.arange(3)
    assert np.array_equal(convolution_mask(groups, groups, (3, 3), "B"), kernel_by_hand(3, 3, "B"))


@checks_formulas("residual")
def residual() -> None:
    block, x = ResidualBlock(4, 1, torch.Generator().manual_seed(0)), torch.randn(2, 8, 3, 5)
    assert torch.equal(block(x), x)  # F begins at zero
    torch.nn.init.ones_(block.expand.weight)
    f = block.expand(block.spread(block.reduce(x.relu()).relu()).relu())
    assert f.abs().max() > 0.1
    torch.testing.assert_close(block(x), x + f)


# Recurrence.


@checks_formulas("recurrent")
def recurrent() -> None:
    rng = np.random.default_rng(0)
    x, h, W, U, b = (rng.normal(size=size) for size in ((3,), (2,), (2, 3), (2, 2), (2,)))
    by_hand = [np.tanh(sum(W[j] * x) + sum(U[j] * h) + b[j]) for j in range(2)]
    np.testing.assert_allclose(rnn_step(*map(torch.from_numpy, (x, h, W, U, b))), by_hand, rtol=1e-12)


@checks_formulas("fading")
def fading() -> None:
    U = torch.tensor([[0.5, -1.0], [2.0, 0.25]], dtype=torch.float64)
    h0 = torch.tensor([0.1, -0.2], dtype=torch.float64)
    h1 = torch.tanh(U @ h0)
    states = torch.stack([h1, torch.tanh(U @ h1)])
    by_autograd = torch.autograd.functional.jacobian(lambda h: torch.tanh(U @ torch.tanh(U @ h)), h0)
    torch.testing.assert_close(rnn_jacobian(states, U), by_autograd)


@checks_formulas("lstm-gates", "lstm-cell", "lstm-hidden")
def lstm() -> None:
    rng = np.random.default_rng(0)
    x, h, c, U = (rng.normal(size=size) for size in ((8,), (2,), (2,), (8, 2)))
    hidden, cell, gates = lstm_step(*map(torch.from_numpy, (x, h, c, U)))
    o, i, f = (1 / (1 + np.exp(-(x + U @ h)[part : part + 2])) for part in (0, 2, 4))
    g = np.tanh((x + U @ h)[6:])
    np.testing.assert_allclose(torch.stack(list(gates)), [o, i, f, g], rtol=1e-12)
    np.testing.assert_allclose(cell, f * c + i * g, rtol=1e-12)
    np.testing.assert_allclose(hidden, o * np.tanh(f * c + i * g), rtol=1e-12)


# Orders, outputs.


@checks_formulas("ensemble")
def ensemble() -> None:
    members = [
        randomize_weights(cr.MADE(cr.Binary((3,)), hidden=(4,), order=order)) for order in ([0, 1, 2], [2, 0, 1])
    ]
    x = torch.cat(list(members[0].domain.outcomes()))
    mean = sum(sum_log_probs_by_site(member, x).exp() for member in members) / 2
    torch.testing.assert_close(cr.Ensemble(members).log_prob(x), mean.log())


@checks_formulas("softmax")
def softmax() -> None:
    z = np.random.default_rng(0).normal(size=(1, 2, 256)) * 5
    x = np.array([[0, 255]])
    by_hand = np.take_along_axis(np.exp(z) / np.exp(z).sum(-1, keepdims=True), x[..., None], -1)[..., 0]
    found = Conditionals(torch.from_numpy(z), binary=False).log_prob(torch.from_numpy(x)).exp()
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)


@checks_formulas("rounded-gaussian")
def rounded_gaussian() -> None:
    mean, std = 3.25, 1.5
    inside, below, above = discretize_gaussian(torch.tensor(mean, dtype=torch.float64), torch.tensor(std).double(), 8)
    grid = np.linspace(-0.5, 7.5, 8 * 1000 + 1)
    density = np.exp(-(((grid - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))
    by_hand = [np.trapezoid(density[1000 * v : 1000 * v + 1001], dx=1e-3) for v in range(8)]
    np.testing.assert_allclose(inside, by_hand, atol=1e-7)
    assert float(inside.sum() + below + above) == pytest.approx(1, abs=1e-12)
