"""Mixtures of logistics: densities of reals, masses of whole numbers, and draws from both."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from chainrule.distributions import NUM_COMPONENTS, NUM_PARAMS, LogisticMixture, Standardization
from chainrule.domains import Column, Table
from chainrule.inference import sample
from chainrule.models.independent import Independent
from chainrule.seeding import generator
from tests.support.models import NUM_QUANTILES


def random_params(n, seed=0):
    return torch.randn(n, 1, NUM_PARAMS, generator=generator(seed))


def standardization(shift, scale, min_scale=0.05):
    return Standardization(*torch.tensor([[shift], [scale], [min_scale]], dtype=torch.float64))


def test_the_density_is_the_mixture_of_logistic_densities_in_the_units_of_the_column():
    mixture = LogisticMixture(random_params(3), standardization(10.0, 4.0), kind="real")
    x = torch.tensor([[3.0], [11.0], [40.0]])
    density = 0
    for component in range(NUM_COMPONENTS):
        weight, mean, scale = (
            each[:, 0, component].numpy()
            for each in (mixture.log_weights.exp(), mixture.means, mixture.log_scales.exp())
        )
        density = density + weight * stats.logistic.pdf(x[:, 0].numpy(), 10 + 4 * mean, 4 * scale)
    assert mixture.log_prob(x)[:, 0].exp().numpy() == pytest.approx(density, rel=1e-9)


@pytest.mark.parametrize(("kind", "low"), [("count", 0), ("integer", -3000)])
def test_probabilities_of_whole_numbers_sum_to_the_bounds_of_the_distribution_function(kind, low):
    mixture = LogisticMixture(random_params(2), standardization(10.0, 4.0), kind=kind)
    x = torch.arange(low, 3000.0).view(-1, 1, 1)
    p = mixture.log_prob(x).exp()
    torch.testing.assert_close(p.sum(0), torch.ones(2, 1, dtype=torch.float64))
    lower, upper = mixture.cdf_bounds(x[:, 0].expand(-1, 2).reshape(-1, 2, 1)[:, :, 0].unsqueeze(-1)[100])
    torch.testing.assert_close(p[:100].sum(0), lower)
    torch.testing.assert_close(p[:101].sum(0), upper)


@pytest.mark.parametrize("kind", ["count", "integer", "real"])
def test_the_quantile_is_where_the_distribution_function_passes_the_noise(kind):
    mixture = LogisticMixture(random_params(50), standardization(10.0, 4.0), kind=kind)
    noise = torch.rand(50, 1, generator=generator(3)).double()
    x = mixture.icdf(noise)
    lower, upper = mixture.cdf_bounds(x)
    if kind == "real":
        torch.testing.assert_close(upper, noise, rtol=0, atol=1e-12)
    else:
        assert bool((x == x.round()).all())
        assert bool(((lower <= noise) & (noise <= upper)).all())
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


def test_quantiles_keep_their_digits_over_any_range():
    raw = torch.full((1, 1, NUM_PARAMS), -50.0)
    raw[..., :2] = torch.tensor([4.0, 0.0])  # nearly all mass at 0, the rest far away
    raw[..., NUM_COMPONENTS : 2 * NUM_COMPONENTS] = torch.tensor([0.0] + [1e25] * 9)
    raw[..., 2 * NUM_COMPONENTS :] = 0.0
    noise = torch.linspace(0.05, 0.9, 18).double().view(-1, 1)
    mixture = LogisticMixture(raw.expand(18, 1, -1), standardization(0.0, 1.0, 1e-6), kind="real")
    torch.testing.assert_close(mixture.cdf_bounds(mixture.icdf(noise))[1], noise, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["count", "integer"])
def test_one_whole_number_can_have_nearly_all_probability(kind):
    spike = torch.full((1, 1, NUM_PARAMS), -50.0)
    spike[..., NUM_COMPONENTS : 2 * NUM_COMPONENTS] = 0.0
    assert LogisticMixture(spike, standardization(7.0, 1.0), kind=kind).log_prob(torch.tensor([[7.0]])).item() > -1e-3


def test_the_density_is_bounded_by_the_resolution_of_the_data():
    spike = torch.full((1, 1, NUM_PARAMS), -50.0)
    spike[..., NUM_COMPONENTS : 2 * NUM_COMPONENTS] = 0.0
    mixture = LogisticMixture(spike, standardization(7.0, 1.0, 0.1), kind="real")
    assert mixture.log_prob(torch.tensor([[7.0]])).exp().item() <= 1 / 0.4


def test_gradients_are_finite_far_from_the_components():
    raw = random_params(1).requires_grad_()
    for kind in ("count", "integer", "real"):
        mixture = LogisticMixture(raw, standardization(0.0, 1.0), kind=kind)
        (gradient,) = torch.autograd.grad(mixture.log_prob(torch.tensor([[1e9]])).sum(), raw)
        assert bool(gradient.isfinite().all())


@pytest.mark.parametrize(("kind", "low"), [("count", 0.0), ("integer", -torch.inf)])
def test_quadrature_points_of_whole_numbers_are_whole_and_sorted(kind, low):
    points = LogisticMixture(random_params(3), standardization(10.0, 4.0), kind=kind).quadrature_points(50)
    assert points.shape == (3, 1, 3 * 50 * NUM_COMPONENTS)
    assert bool((points == points.round()).all())
    assert bool((points.diff(dim=-1) >= 0).all())
    assert points.min() >= low
