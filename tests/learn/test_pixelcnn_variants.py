"""PixelCNN with a wrong mask, without skip connections, and with random blocks."""

from __future__ import annotations

import pytest
import torch

import chainrule as cr
from chainrule.layers.residual import ResidualBlock
from chainrule.layers.weights import he_init
from chainrule.learn.pixelcnn_variants import (
    BlockWithoutSkip,
    PixelCNNWithoutSkips,
    first_layer_gradient_norm,
    randomize_block_outputs,
    residual_branch,
    use_mask_b_first,
)
from chainrule.seeding import generator


def test_a_residual_block_adds_its_branch_to_its_input():
    block, x = ResidualBlock(3, 1, generator(0)).double(), torch.randn(2, 6, 4, 3, generator=generator(1)).double()
    torch.nn.init.normal_(block.expand.weight, generator=generator(2))
    assert residual_branch(block, x).abs().max() > 0.1
    torch.testing.assert_close(block(x), x + residual_branch(block, x))
    plain = BlockWithoutSkip(3, 1, generator(0)).double()
    plain.load_state_dict(block.state_dict())
    torch.testing.assert_close(plain(x), block(x) - x)


@pytest.mark.parametrize("shape", [(1, 2, 3), (3, 1, 2)])
def test_a_model_without_skip_connections_passes_all_checks(shape):
    report = cr.check_model(PixelCNNWithoutSkips(cr.Binary(shape), blocks=2, features=4))
    assert report.passed, report
    assert all(finding.status == "passed" for finding in report.findings)


def test_a_wrong_first_mask_does_not_change_other_layers():
    model, other = (cr.PixelCNN(cr.Binary((1, 3, 3)), blocks=1, features=3) for _ in range(2))
    assert use_mask_b_first(model) is model
    assert torch.equal(model.head.weight, other.head.weight)
    assert model.first.weight.shape == other.first.weight.shape


def test_the_gradient_norm_equals_finite_differences():
    """Finite differences in float64: a step of ε along the gradient raises the NLL by ε times the gradient's norm."""
    model = randomize_block_outputs(cr.PixelCNN(cr.Binary((1, 4, 4)), blocks=2, features=4)).double()
    x = model.domain.random_data(5, generator(0))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    norm = first_layer_gradient_norm(model, x, seed=3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    he_init(model.output.weight, model.output.mask, generator(3, 3))
    loss = -model.log_prob(x).mean()
    (gradient,) = torch.autograd.grad(loss, model.first.weight)
    step = 1e-6 * gradient / gradient.norm()
    with torch.no_grad():
        model.first.weight += step
        up = -model.log_prob(x).mean()
        model.first.weight -= 2 * step
        down = -model.log_prob(x).mean()
    assert float(up - down) / 2e-6 == pytest.approx(norm, rel=1e-5)
