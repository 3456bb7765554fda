"""Run `check_leak` on modules: weights are found, perturbed where training changes them, and restored."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import chainrule as cr
from tests.support.planted_leaks import (
    CK,
    GRAY,
    LEVELS,
    RGB,
    MaskedConv,
    MutatingConv,
    build,
    mask_a,
    mask_b,
    masked_stack,
    run_check,
)

OF_SCRIPTS = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


class Hidden(nn.Module):
    """Hide a layer without a mask behind a head that starts at zero."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, LEVELS, 1))
        nn.init.zeros_(self.net[2].weight)

    def forward(self, x):
        return self.net(x)

    def both(self, x):
        return self.net(x), None

    @torch.no_grad()
    def quiet(self, x):
        return self.net(x)


HIDDEN = build(Hidden)
PAIRS = run_check(HIDDEN, (1, 4, 4)).leaks


class Holder:
    """Hold an nn.Module in a list."""

    def __init__(self, net):
        self.nets = [net]

    def __call__(self, x):
        return self.nets[0](x)


def by_its_name(x):
    return HIDDEN(x)


def closed_over(net):
    return lambda x: net.both(x)[0]


def as_default(x, net=HIDDEN):
    return net(x)


PASSED_AS = {
    "a bound method": lambda: HIDDEN.forward,
    "a method that wants no gradients": lambda: HIDDEN.quiet,
    "a lambda": lambda: closed_over(HIDDEN),
    "a function that calls a function": lambda: lambda x: by_its_name(x),
    "a default": lambda: as_default,
    "a partial function": lambda: partial(lambda net, x: net(x), HIDDEN),
    "a partial method": lambda: partial(HIDDEN.forward),
    "an object": lambda: Holder(HIDDEN),
    "an object's method": lambda: Holder(HIDDEN).__call__,
    "a script": lambda: torch.jit.script(HIDDEN.net),
    "a trace": lambda: torch.jit.trace(HIDDEN.net, torch.zeros(2, 1, 4, 4)),
    "a script's method": lambda: torch.jit.script(HIDDEN.net).forward,
}


@OF_SCRIPTS
@pytest.mark.parametrize("name", PASSED_AS)
def test_weights_are_perturbed_however_the_module_is_passed(name):
    before = copy.deepcopy(HIDDEN.state_dict())
    report = run_check(PASSED_AS[name](), (1, 4, 4))
    assert len(PAIRS) == 58
    assert report.leaks == PAIRS
    assert "6 with perturbed weights" in report.coverage
    assert all(torch.equal(before[name], tensor) for name, tensor in HIDDEN.state_dict().items())


def test_a_method_is_called_in_evaluation_mode_and_in_the_dtype_of_its_weights():
    net = build(lambda: nn.Sequential(masked_stack(GRAY, mask_a), nn.Dropout())).double()
    assert run_check(net.forward, GRAY).passed
    assert net.training


def frozen(net, *parts):
    for part in parts or (net,):
        part.requires_grad_(False)
    return net


UNDECIDABLE = {
    "a function": (lambda: lambda x: torch.zeros(len(x), LEVELS, 4, 4), "pass the nn.Module itself, or one that wraps"),
    "a frozen head": (lambda: (net := Hidden()) and frozen(net, net.net[2]), r"frozen.*call requires_grad_\(True\)"),
    "all frozen": (lambda: frozen(Hidden()), r"frozen.*call requires_grad_\(True\)"),
    "a frozen script": (lambda: torch.jit.freeze(torch.jit.script(Hidden().eval())), "pass the nn.Module itself"),
    "the wrong module": (lambda: closed_over_two(HIDDEN, Hidden().state_dict()), "pass the nn.Module itself"),
}


def closed_over_two(net, state):
    """Use weights that are in no module, and hold a module that is not used."""
    held = torch.zeros(LEVELS, 1, 1, 1) * state["net.2.bias"].sum()
    return lambda x: F.conv2d(x, held) if net else x


@OF_SCRIPTS
@pytest.mark.parametrize("name", UNDECIDABLE)
def test_no_dependence_at_all_is_an_error_if_weights_may_hide_it(name):
    make, message = UNDECIDABLE[name]
    with pytest.raises(cr.ChainruleError, match=rf"depends on no input, so nothing can be said.*{message}") as e:
        run_check(build(make), (1, 4, 4))
    assert "\n" not in str(e.value)


def test_one_site_without_dependence_passes():
    assert run_check(lambda x: torch.zeros(len(x), LEVELS, 1, 1), (1, 1, 1)).passed


class BakedIn(nn.Conv2d):
    """Store the mask in the values of the weight only."""

    def __init__(self, *args):
        super().__init__(*args)
        self.open_mask = MaskedConv((self.in_channels, self.out_channels), 1, mask_a).mask
        with torch.no_grad():
            self.weight *= self.open_mask


class MaskIsAParameter(nn.Conv2d):
    def __init__(self, *args):
        super().__init__(*args)
        mask = MaskedConv((self.in_channels, self.out_channels), 1, mask_a).mask
        self.mask = nn.Parameter(mask, requires_grad=False)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class GradientIsMasked(BakedIn):
    """Mask the gradient, so that training keeps the zeros."""

    def __init__(self, *args):
        super().__init__(*args)
        self.weight.register_hook(lambda gradient: gradient * self.open_mask)


class WhileTraining(MaskedConv):
    """Write the mask into the weight, in training mode only."""

    def forward(self, x):
        if self.training:
            self.weight.data *= self.mask
        return nn.Conv2d.forward(self, x)


def trained_once(kind):
    """Return a colour model whose masks were written into its weights by one call in training mode."""
    net = masked_stack(RGB, mask_a, kind=kind)
    net(torch.zeros(1, *RGB))
    return net


MASKED = {
    "frozen values": (lambda: BakedIn(1, LEVELS, 3, 1, 1).requires_grad_(False), GRAY),
    "a parameter": (lambda: MaskIsAParameter(1, LEVELS, 3, 1, 1), GRAY),
    "a hook": (lambda: GradientIsMasked(1, LEVELS, 3, 1, 1), GRAY),
    "written back": (lambda: trained_once(MutatingConv), RGB),
    "written back while training": (lambda: trained_once(WhileTraining), RGB),
}


@pytest.mark.parametrize("name", MASKED)
def test_weights_that_a_mask_closes_stay_zero(name):
    make, shape = MASKED[name]
    report = run_check(build(make), shape)
    assert report.passed, report
    assert report.past_coverage > 0


@pytest.mark.parametrize("layers", [1, 3])
def test_zeros_that_one_training_step_changes_are_perturbed(layers):
    def make():
        free = [nn.Conv2d(6, 6, 3, padding=1) for _ in range(layers)]
        for each in free:
            nn.init.dirac_(each.weight)
        return nn.Sequential(
            MaskedConv((1, 6), 1, mask_a), *free, nn.ReLU(), MaskedConv((6, LEVELS), 1, mask_b, size=1)
        )

    net = build(make)
    now = jacobian_mask(net)
    assert not now[~torch.ones(20, 20).tril(-1).bool()].any()
    report = run_check(net, GRAY)
    assert not report.passed
    assert report.to_dict()["only_with_perturbed_weights"]
    step(net)
    after = jacobian_mask(net)
    assert ((after & report.leak_mask) == after.triu()).all()
    assert after.triu().any()
    assert not run_check(build(lambda: BakedIn(1, LEVELS, 3, 1, 1)), GRAY).passed


def step(net):
    """Make one step of Adam on random images."""
    optimizer = torch.optim.Adam(net.parameters())
    x = torch.rand(8, *GRAY, generator=torch.Generator().manual_seed(0))
    net(x).square().sum().backward()
    optimizer.step()


def jacobian_mask(net):
    """Return the dependence of a gray model, bool [D, D], by the Jacobian at one image, without the code under test."""
    x = torch.rand(1, *GRAY, generator=torch.Generator().manual_seed(1))
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x).square().sum(1).flatten(), x)
    return jacobian.flatten(1) != 0


class Stateful(nn.Module):
    """Change everything that a check must restore: modes, running statistics, weights, a counter."""

    def __init__(self, copied=True):
        super().__init__()
        self.net = nn.Sequential(masked_stack(GRAY, mask_a), nn.BatchNorm2d(LEVELS), nn.Dropout(0.5))
        self.net[0].eval()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("spread", torch.ones(1, 1).expand(2, 3))
        self.scale = nn.Parameter(torch.ones(3))
        self.last = None
        if not copied:
            self.by_product = self.scale * 2  # torch copies no tensor that has a history

    def forward(self, x):
        self.calls = self.calls + 1
        self.scale.data *= 0.5
        self.last = self.net(x)
        return self.last


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("pass_as", [lambda net: net, lambda net: net.forward, lambda net: lambda x: net(x)])
def test_a_module_is_not_changed(copied, pass_as):
    model = build(lambda: Stateful(copied))
    state, modes = copy.deepcopy(model.state_dict()), [each.training for each in model.modules()]
    tensors = {name: (tensor, tensor.data_ptr()) for name, tensor in model.state_dict(keep_vars=True).items()}
    random = torch.get_rng_state()
    report = run_check(pass_as(model), GRAY)
    assert report.passed
    assert "6 with perturbed weights" in report.coverage
    assert [each.training for each in model.modules()] == modes
    assert {name: tensor.tolist() for name, tensor in model.state_dict().items()} == {
        name: tensor.tolist() for name, tensor in state.items()
    }
    after = model.state_dict(keep_vars=True)
    assert all(after[name] is tensor and tensor.data_ptr() == place for name, (tensor, place) in tensors.items())
    assert model.last is None
    assert model.spread.stride() == (0, 0)
    assert all(each.requires_grad and each.grad is None for each in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


def test_a_module_that_raises_is_restored():
    class Raises(Stateful):
        def forward(self, x):
            super().forward(x)
            raise KeyError("no\nsuch layer")

    model = build(Raises)
    raised = r"Raises raised KeyError: .*such layer' \(test_leak_check_weights.py, line \d+\); its input was images"
    with pytest.raises(cr.ChainruleError, match=raised) as e:
        run_check(model, GRAY)
    assert "\n" not in str(e.value)
    assert model.training
    assert (model.calls.item(), model.scale.tolist(), model.last) == (0, [1, 1, 1], None)


class Expanded(nn.Conv2d):
    """Use a mask that is an expanded view."""

    def __init__(self):
        super().__init__(1, LEVELS, 3, padding=1)
        mask = MaskedConv((1, 1), 1, mask_a).mask
        self.register_buffer("mask", mask.expand_as(self.weight))

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=1)


def test_an_expanded_buffer_is_restored():
    model = build(Expanded).train()
    assert run_check(model, GRAY).passed
    assert model.training
    assert model.mask.stride()[0] == 0


def test_lazy_weights_are_refused():
    with pytest.raises(cr.ChainruleError, match="a lazy module has weights without a size; call the model on a batch"):
        run_check(nn.LazyConv2d(LEVELS, 1), GRAY)


def test_the_report_quotes_an_error_of_the_backward_pass():
    class Refuses(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.roll(1, 3) * 1.0

        @staticmethod
        def backward(ctx, gradient):
            raise RuntimeError("no way back")

    report = run_check(lambda x: Refuses.apply(x), (1, 1, 3), layout="n,c,h,w", order="reverse")
    assert (
        "by perturbation only (with gradients on, at images of float32, it raised RuntimeError: no way back)"
        in report.coverage
    )
    assert "by perturbation only (the outputs have no gradient)" in run_check(HIDDEN.quiet, (1, 4, 4)).coverage
    assert run_check(build(lambda: masked_stack(GRAY, mask_a)), GRAY, layout=CK).dependence.has_gradient
