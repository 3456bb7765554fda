"""Mixtures of logistics: densities of reals, masses of whole numbers, and draws from both."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from chainrule.distributions import Mixture
from chainrule.distributions.mixture import COMPONENTS, PARAMETERS, Units
from chainrule.domains import Column, Table
from chainrule.inference.sample import sample
from chainrule.models.independent import Independent
from chainrule.seeding import generator
from tests.support.models import NUM_QUANTILES


def numbers(n, seed=0):
    return torch.randn(n, 1, PARAMETERS, generator=generator(seed))


def units(shift, scale, narrowest=0.05):
    return Units(*torch.tensor([[shift], [scale], [narrowest]], dtype=torch.float64))


def test_a_density_is_that_of_its_components_in_the_units_of_the_column():
    mixture = Mixture(numbers(3), units(10.0, 4.0), "real")
    x = torch.tensor([[3.0], [11.0], [40.0]])
    density = 0
    for component in range(COMPONENTS):
        weight, middle, scale = (
            each[:, 0, component].numpy()
            for each in (mixture.log_weights.exp(), mixture.means, mixture.log_scales.exp())
        )
        density = density + weight * stats.logistic.pdf(x[:, 0].numpy(), 10 + 4 * middle, 4 * scale)
    assert mixture.log_prob(x)[:, 0].exp().numpy() == pytest.approx(density, rel=1e-9)


@pytest.mark.parametrize(("kind", "low"), [("count", 0), ("integer", -3000)])
def test_masses_of_whole_numbers_are_differences_of_the_distribution_function(kind, low):
    mixture = Mixture(numbers(2), units(10.0, 4.0), kind)
    x = torch.arange(low, 3000.0).view(-1, 1, 1)
    p = mixture.log_prob(x).exp()
    torch.testing.assert_close(p.sum(0), torch.ones(2, 1, dtype=torch.float64))
    below, upto = mixture.cdf_bounds(x[:, 0].expand(-1, 2).reshape(-1, 2, 1)[:, :, 0].unsqueeze(-1)[100])
    torch.testing.assert_close(p[:100].sum(0), below)
    torch.testing.assert_close(p[:101].sum(0), upto)


@pytest.mark.parametrize("kind", ["count", "integer", "real"])
def test_a_draw_is_where_the_distribution_function_passes_the_noise(kind):
    mixture, noise = Mixture(numbers(50), units(10.0, 4.0), kind), torch.rand(50, 1, generator=generator(3)).double()
    x = mixture.icdf(noise)
    below, upto = mixture.cdf_bounds(x)
    if kind == "real":
        torch.testing.assert_close(upto, noise, rtol=0, atol=1e-12)
    else:
        assert bool((x == x.round()).all())
        assert bool(((below <= noise) & (noise <= upto)).all())
    assert kind != "count" or x.min() >= 0


def test_large_whole_numbers_keep_their_digits():
    column = Column("id", "integer", quantiles=[2.0**52 + k for k in NUM_QUANTILES])
    model = Independent(Table([column]))
    x = sample(model, 200, seed=0)
    assert len(x.unique()) > 20
    assert bool((x == x.round()).all())
    assert bool((model.domain.check(x) == x).all())
    near = torch.tensor([[2.0**52 + 7], [2.0**52 + 8]], dtype=torch.float64)
    assert model.log_prob(near).diff().abs() > 0


def test_draws_keep_their_digits_over_any_range():
    raw = torch.full((1, 1, PARAMETERS), -50.0)
    raw[..., :2] = torch.tensor([4.0, 0.0])  # nearly all mass at 0, the rest far away
    raw[..., COMPONENTS : 2 * COMPONENTS] = torch.tensor([0.0] + [1e25] * 9)
    raw[..., 2 * COMPONENTS :] = 0.0
    noise = torch.linspace(0.05, 0.9, 18).double().view(-1, 1)
    mixture = Mixture(raw.expand(18, 1, -1), units(0.0, 1.0, 1e-6), "real")
    torch.testing.assert_close(mixture.cdf_bounds(mixture.icdf(noise))[1], noise, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["count", "integer"])
def test_all_mass_can_lie_on_one_whole_number(kind):
    spike = torch.full((1, 1, PARAMETERS), -50.0)
    spike[..., COMPONENTS : 2 * COMPONENTS] = 0.0
    assert Mixture(spike, units(7.0, 1.0), kind).log_prob(torch.tensor([[7.0]])).item() > -1e-3


def test_a_density_cannot_grow_beyond_the_resolution_of_the_data():
    spike = torch.full((1, 1, PARAMETERS), -50.0)
    spike[..., COMPONENTS : 2 * COMPONENTS] = 0.0
    assert Mixture(spike, units(7.0, 1.0, 0.1), "real").log_prob(torch.tensor([[7.0]])).exp().item() <= 1 / 0.4


def test_gradients_of_masses_are_finite_far_away():
    raw = numbers(1).requires_grad_()
    for kind in ("count", "integer", "real"):
        (gradient,) = torch.autograd.grad(
            Mixture(raw, units(0.0, 1.0), kind).log_prob(torch.tensor([[1e9]])).sum(), raw
        )
        assert bool(gradient.isfinite().all())
