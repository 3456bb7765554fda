"""Models take arrays and lists wherever they take tensors; wrapped models are taken or refused in one line."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import chainrule as cr
from chainrule.checks import check_model
from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.models import as_density
from tests.support.models import ZOO

SOME = (
    "independent",
    "made, shuffled, direct, levels",
    "made, mixed table",
    "pixelcnn 2x2, colour",
    "row 5x7",
    "diagonal 5x7",
)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("convert", [lambda x: x.numpy(), lambda x: x.tolist(), lambda x: x.numpy()[:, ::-1][:, ::-1]])
def test_arrays_and_lists_give_the_results_of_tensors(name, convert):
    model = perturbed_copy(ZOO[name](), 3)
    x = random_data(model, 3, 1)
    evidence = model.order.rank < 2
    with torch.no_grad():
        assert torch.equal(model.log_prob(convert(x)), model.log_prob(x))
        params = model.conditionals(x).params
        assert torch.equal(model.conditionals(convert(x)).params, params)
        assert torch.equal(model.log_marginal(convert(x), evidence), model.log_marginal(x, evidence))
    mask = evidence.view(model.domain.shape)
    completed = cr.complete(model, x, mask, n=2)
    assert torch.equal(cr.complete(model, convert(x), mask.numpy(), n=2), completed)


def test_an_ensemble_takes_arrays():
    models = [cr.MADE(cr.Binary((4,)), seed=seed) for seed in (0, 1)]
    x = np.array([[0, 1, 1, 0], [1, 1, 1, 1]], dtype=np.uint8)
    assert torch.equal(cr.Ensemble(models).log_prob(x), cr.Ensemble(models).log_prob(torch.from_numpy(x)))


@pytest.mark.parametrize("x", ["0110", None, {"a": 1}, [["a", "b"]]])
def test_other_inputs_are_refused_in_one_line(x):
    with pytest.raises(cr.ChainruleError, match="data must be a tensor, or an array or lists of numbers") as error:
        cr.MADE(cr.Binary((4,))).log_prob(x)
    assert "\n" not in str(error.value)


def compiled(model):
    """Return `torch.compile(model)`, whose import of the compiler warns of deprecated functions of torch's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.compile(model, backend="eager")


WRAPPERS = {
    "DataParallel": nn.DataParallel,
    "compile": compiled,
    "both": lambda model: compiled(nn.DataParallel(model)),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=list(WRAPPERS))
def test_wrapped_models_answer_as_the_model_does(wrap):
    model = perturbed_copy(cr.MADE(cr.Binary((4,)), hidden=(8,)), 1)
    wrapped, x = wrap(model), random_data(model, 5, 0)
    evidence = torch.tensor([True, True, False, False])
    assert as_density(wrapped) is model
    assert torch.equal(cr.sample(wrapped, 5, seed=1), model.sample(5, seed=1))
    assert cr.evaluate(wrapped, x) == cr.evaluate(model, x)
    assert torch.equal(cr.complete(wrapped, x, evidence), cr.complete(model, x, evidence))
    assert check_model(wrapped).passed


def test_other_modules_are_refused_in_one_line():
    x, evidence = torch.zeros(1, 4), torch.zeros(4, dtype=torch.bool)
    for module in (nn.Linear(4, 4), nn.DataParallel(nn.Linear(4, 4))):
        calls = (
            lambda module=module: cr.sample(module, 1),
            lambda module=module: cr.evaluate(module, x),
            lambda module=module: cr.complete(module, x, evidence),
            lambda module=module: check_model(module),
        )
        for call in calls:
            with pytest.raises(cr.ChainruleError, match=r"a model of chainrule is needed, and a \w+ is none") as error:
                call()
            assert "\n" not in str(error.value)


def test_masked_layers_print_their_sizes_and_open_weights():
    model = cr.MADE(cr.Binary((3,)), hidden=(2,))
    assert "MaskedLinear(in_features=3, out_features=2, open=" in repr(model)
    image = cr.PixelCNN(cr.Binary((1, 3, 3)), blocks=1, features=2)
    assert "MaskedConv2d(1, 4, kernel_size=7, mask_type=A, open=96 of 196)" in repr(image)


class OldStyle(cr.MADE):
    """Changes methods, and leaves the context out of them."""

    def conditionals(self, x):
        return super().conditionals(x)

    def log_prob(self, x):
        return super().log_prob(x) + 0.0

    def log_marginal(self, x, evidence):
        return super().log_marginal(x, evidence)


def test_methods_of_a_users_own_may_leave_the_context_out():
    model, x = OldStyle(cr.Binary((4,)), hidden=(8,)), torch.ones(2, 4)
    evidence = torch.tensor([True, False, False, False])
    ensemble = cr.Ensemble([model, OldStyle(cr.Binary((4,)), hidden=(8,), seed=1)])
    assert check_model(model).passed
    for density in (model, ensemble):
        assert cr.evaluate(density, x).nats == pytest.approx(-density.log_prob(x).mean().item())
        assert density(x).shape == (2,)
        assert cr.complete(density, x, evidence).shape == (2, 1, 4)
