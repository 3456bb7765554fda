"""Plant faults in models, each as a user might write it: the right law finds it and names the right sites."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from chainrule.checks import check_autoregressive_property, check_model
from chainrule.distributions import Conditionals
from chainrule.domains import Binary, Levels, Order, natural, raster
from chainrule.layers.masks import colour_groups, convolution_mask, degree_mask
from chainrule.models import AutoregressiveModel
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from tests.support.findings import BATCH, FREQUENCIES, LEAK, STORAGE, TOTAL, failed_laws, finding

# Law 1: leaks.


class OffByOne(MADE):
    """Let equal degrees through the mask of the output."""

    def __init__(self, domain, **arguments):
        super().__init__(domain, **arguments)
        below = self.layers[-1].mask.sum(1)  # with inputs in natural order, as many as the unit's degree
        self.output.mask = degree_mask(self.order.rank + 1, below, strict=False)


def test_a_made_whose_output_depends_on_its_own_input():
    report = check_model(OffByOne(Binary((5,)), hidden=(40,)))
    # The last site has no hidden unit of its own degree to look through.
    assert finding(report, LEAK).pairs == ((0, 0), (1, 1), (2, 2), (3, 3))
    assert "the conditional of site 0 depends on site 0 (one of 4 such pairs)" in finding(report, LEAK).detail
    assert {LEAK, TOTAL} <= failed_laws(report)
    assert BATCH not in failed_laws(report)


class OpenDiagonal(MADE):
    """Leave the diagonal of the direct connections open."""

    def __init__(self, domain, **arguments):
        super().__init__(domain, direct_connections=True, **arguments)
        self.skip.mask = degree_mask(self.order.rank + 1, self.order.rank + 1, strict=False)


def test_a_made_with_an_open_diagonal_in_another_order():
    report = check_model(OpenDiagonal(Binary((1, 2, 2)), hidden=(8,), order=(2, 0, 3, 1)))
    assert finding(report, LEAK).pairs == tuple((site, site) for site in range(4))
    assert "row 0, column 0 depends on row 0, column 0" in finding(report, LEAK).detail


class AllMaskB(PixelCNN):
    """Use mask B in the first layer too."""

    def __init__(self, domain, **arguments):
        super().__init__(domain, **arguments)
        colours, wide = domain.shape[0], colour_groups(len(self.first.weight), domain.shape[0])
        self.first.mask = convolution_mask(wide, torch.arange(colours), (7, 7), "B")[:, :, :4]


@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 2, 2)])
def test_a_pixelcnn_with_mask_b_in_its_first_layer(shape):
    report = check_model(AllMaskB(Binary(shape), blocks=1, features=9))
    sites = range(torch.Size(shape).numel())
    assert finding(report, LEAK).pairs == tuple((site, site) for site in sites)


class ColoursInterleaved(PixelCNN):
    """Group output features as R, G, B, R, G, B, … and read them as R, R, …, G, G, …, B, B, …"""

    def __init__(self, domain, **arguments):
        super().__init__(domain, **arguments)
        colours, wide = domain.shape[0], colour_groups(len(self.head.weight), domain.shape[0])
        interleaved = torch.arange(colours).repeat(domain.outputs_per_site)
        self.output.mask = convolution_mask(interleaved, wide, (1, 1), "B")


def test_colours_that_depend_on_later_colours_of_their_pixel():
    report = check_model(ColoursInterleaved(Levels((3, 1, 2), 3), blocks=0, features=9))
    # At pixel 0, red is site 0, green 2, blue 4. One of red's outputs was meant for blue, which depends on the others.
    assert finding(report, LEAK).pairs == ((0, 0), (0, 2), (1, 1), (1, 3), (2, 2), (3, 3))
    assert "the conditional of row 0, column 0, R depends on row 0, column 0" in finding(report, LEAK).detail


class AnotherOrder(MADE):
    """Claim an order that is not the order of the masks."""

    def __init__(self, domain, **arguments):
        super().__init__(domain, **arguments)
        self.order = Order((1, 0, 2))


def test_an_order_that_is_not_the_order_of_the_masks():
    report = check_model(AnotherOrder(Binary((3,)), hidden=(16,)))
    assert finding(report, LEAK).pairs == ((1, 0),)


class OneKernel(AutoregressiveModel):
    """Apply one 3×3 convolution whose open taps are given as (row, column) offsets from the centre."""

    def __init__(self, domain, taps):
        super().__init__()
        self.domain, self.order, self.taps = domain, raster(domain), taps
        self.convolution = nn.Conv2d(1, 1, 3, padding=1)
        mask = torch.zeros(3, 3)
        for row, column in taps:
            mask[row + 1, column + 1] = 1
        self.register_buffer("mask", mask, persistent=False)

    def conditionals(self, x):
        weight = self.mask * self.convolution.weight
        return Conditionals(nn.functional.conv2d(self.encode(x), weight, self.convolution.bias, padding=1), binary=True)


@pytest.fixture(autouse=True)
def quiet_start(monkeypatch):
    """Initialise torch's own layers with zeros, since they draw from the global generator."""
    monkeypatch.setattr(nn.Conv2d, "reset_parameters", zero_parameters)
    monkeypatch.setattr(nn.Linear, "reset_parameters", zero_parameters)


def zero_parameters(layer):
    for weight in layer.parameters():
        nn.init.zeros_(weight)


PAST = [(-1, -1), (-1, 0), (-1, 1), (0, -1)]


def test_a_kernel_over_earlier_pixels_only_passes():
    assert failed_laws(check_model(OneKernel(Binary((1, 3, 4)), PAST))) == set()


@pytest.mark.parametrize("tap", [(0, 0), (0, 1), (1, -1), (1, 0), (1, 1)])
def test_every_tap_at_the_pixel_itself_or_at_a_later_pixel_is_found(tap):
    height, width = 3, 4
    seen = {
        (row * width + column, (row + tap[0]) * width + column + tap[1])
        for row in range(height)
        for column in range(width)
        if 0 <= row + tap[0] < height and 0 <= column + tap[1] < width
    }
    assert set(check_autoregressive_property(OneKernel(Binary((1, height, width)), [*PAST, tap])).pairs) == seen


class HiddenLeak(MADE):
    """Add a layer without a mask that starts at zero: untrained, the model is correct."""

    def __init__(self, domain, hidden=(8,)):
        super().__init__(domain, hidden)
        self.extra = nn.Linear(domain.sites, domain.sites)

    def conditionals(self, x):
        logits = super().conditionals(x).logits
        return Conditionals(logits + self.extra(self.encode(x)), binary=True)


def test_a_leak_that_weights_at_zero_hide():
    found = check_autoregressive_property(HiddenLeak(Binary((3,))))
    assert found.pairs == ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    assert found.detail.endswith("once its weights are perturbed")


class LookupModel(AutoregressiveModel):
    """Look up each conditional by the value of one site, so that no gradient reaches the input."""

    def __init__(self, domain, sources, cast=True):
        super().__init__()
        self.domain, self.order, self.sources, self.cast = domain, natural(domain), sources, cast
        self.logits = nn.Parameter(torch.linspace(-1, 1, domain.sites * 2).view(domain.sites, 2))

    def conditionals(self, x):
        x = x.long() if self.cast else x  # a float is no index
        seen = x[:, self.sources] * torch.tensor([site is not None for site in [None, *self.sources[1:]]])
        return Conditionals(self.logits[torch.arange(self.domain.sites), seen], binary=True)


@pytest.mark.parametrize("cast", [True, False])
def test_a_model_without_a_gradient_is_tested_by_perturbation(cast):
    right = check_autoregressive_property(LookupModel(Binary((4,)), [0, 0, 1, 0], cast))
    assert right.passed
    assert "by perturbation only" in right.detail
    wrong = check_autoregressive_property(LookupModel(Binary((4,)), [0, 3, 1, 3], cast))
    assert wrong.pairs == ((1, 3), (3, 3))


# Law 2: normalization.


class HeavySite(Conditionals):
    """Forget to normalise one site."""

    def log_prob(self, x):
        return super().log_prob(x) + 0.25 * torch.arange(x[0].numel()).eq(2).view(x.shape[1:])


class Unnormalised(MADE):
    def conditionals(self, x):
        return HeavySite(super().conditionals(x).logits, binary=True)


@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 5, 9)])
def test_a_conditional_that_does_not_normalise(shape):
    report = check_model(Unnormalised(Binary(shape), hidden=(8,)))
    where = Binary(shape).describe_site(2)
    assert f"the conditional of {where} sums to 1.28403 over its values" in finding(report, TOTAL).detail
    assert LEAK not in failed_laws(report)


class Averaged(MADE):
    """Divide `log_prob` by the number of sites."""

    def log_prob(self, x):
        return super().log_prob(x) / self.domain.sites


def test_a_log_prob_that_is_not_normalised_is_found_by_enumeration():
    report = check_model(Averaged(Binary((4,)), hidden=(8,)))
    assert "the probabilities of all 2^4 outcomes sum to" in finding(report, TOTAL).detail


def test_a_log_prob_that_is_not_normalised_is_found_without_enumeration():
    report = check_model(Averaged(Binary((40,)), hidden=(8,)))
    assert "log_prob is not the sum of the conditionals" in finding(report, TOTAL).detail


class NotANumber(MADE):
    def conditionals(self, x):
        return Conditionals(super().conditionals(x).logits * torch.nan, binary=True)


def test_nan_fails_normalization_but_is_no_leak():
    report = check_model(NotANumber(Binary((3,)), hidden=(8,)))
    assert "sums to nan" in finding(report, TOTAL).detail
    assert LEAK not in failed_laws(report)


# Law 4: samples.


class BiasedConditionals(Conditionals):
    """Draw the lower values too often, with correct probabilities."""

    def icdf(self, noise):
        return super().icdf(noise**1.1)

    def select_sites(self, sites):
        return BiasedConditionals(super().select_sites(sites).logits, binary=self.binary)

    def tempered(self, temperature):
        return BiasedConditionals(super().tempered(temperature).logits, binary=self.binary)


class Biased(MADE):
    def conditionals(self, x):
        return BiasedConditionals(super().conditionals(x).logits, binary=isinstance(self.domain, Binary))


@pytest.mark.parametrize("domain", [Binary((3,)), Levels((2,), 5)])
def test_biased_draws_are_found(domain):
    report = check_model(Biased(domain, hidden=(8,)))
    assert failed_laws(report) == {FREQUENCIES}
    assert "times are expected (chi-square p = " in finding(report, FREQUENCIES).detail


# Law 5: save and load, and batch independence.


class ForgetsItsSeed(MADE):
    """Draw the masks from a seed that is not stored."""

    def __init__(self, domain, hidden=(16,), seed=0):
        super().__init__(domain, hidden, seed=seed)
        self.seed = 0


def test_a_model_that_does_not_store_its_arguments():
    report = check_model(ForgetsItsSeed(Binary((6,)), seed=1))
    assert failed_laws(report) == {STORAGE}
    assert "log_prob of 8 random data is not the same" in finding(report, STORAGE).detail


class RoundsItsWeights(MADE):
    """Load weights in half precision."""

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        for name in state_dict:
            state_dict[name] = state_dict[name].half()
        super()._load_from_state_dict(state_dict, prefix, *rest)


def test_weights_that_change_when_they_are_loaded():
    report = check_model(RoundsItsWeights(Binary((6,)), hidden=(8,)))
    assert failed_laws(report) == {STORAGE}
    assert "layers.0.weight is not the same after save and load" in finding(report, STORAGE).detail


class BatchNormalised(MADE):
    """Normalise features over the batch, in evaluation mode too."""

    def conditionals(self, x):
        h = self.layers[0](self.encode(x).flatten(1))
        h = (h - h.mean(0)) / (h.std(0, correction=0) + 0.1)
        return Conditionals(self.output(h).view(x.shape), binary=True)


def test_data_that_depend_on_their_batch():
    report = check_model(BatchNormalised(Binary((1, 2, 2)), hidden=(8,)))
    assert "log_prob of a datum in a batch differs by" in finding(report, BATCH).detail
    # In a batch of one datum, the sites depend on what the masks allow: no leak is reported.
    assert LEAK not in failed_laws(report)


class DependsOnIndex(MADE):
    """Add the index in the batch to the logits."""

    def conditionals(self, x):
        place = torch.arange(len(x)).view(-1, *[1] * len(self.domain.shape)) % 4
        return Conditionals(super().conditionals(x).logits + place, binary=True)


def test_data_that_depend_on_their_index():
    assert BATCH in failed_laws(check_model(DependsOnIndex(Binary((4,)), hidden=(8,))))
