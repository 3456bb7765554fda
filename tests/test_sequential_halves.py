"""The fast sequential halves: they draw what the default one draws, in as few steps as the layers admit."""

from __future__ import annotations

import copy

import pytest
import torch
from zoo import ZOO

from chainrule.domain import Binary, Levels
from chainrule.laws.subject import moved, random_data
from chainrule.layers.wavefront import slope
from chainrule.models.base import SEQUENTIAL, AutoregressiveModel
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.tasks.complete import complete
from chainrule.tasks.sample import sample

SOME = (
    "made, 60 sites",
    "made, mixed table",
    "pixelcnn 5x7, colour, 4 levels",
    "row 5x7, colour, 4 levels",
    "diagonal 5x7, colour, 4 levels",
)


def plain(model):
    """The same model with the default sequential half, which runs `conditionals` at every step."""
    model = copy.deepcopy(model)
    for name in ("schedule", "ladder", "_pixels"):
        vars(model).pop(name, None)
    kind = type(model)
    model.__class__ = type(kind.__name__, (kind,), {"conditionals": kind.conditionals})
    assert model.start.__func__ is AutoregressiveModel.start
    assert len(model.schedule) == model.domain.sites
    return model


@pytest.mark.parametrize("name", ZOO)
def test_samples_are_those_of_the_default_half(name):
    model = moved(ZOO[name](), 3).double()
    # Numbers of a table may differ in their last digits.
    torch.testing.assert_close(sample(model, 3, seed=2), sample(plain(model), 3, seed=2), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SOME)
def test_completions_of_the_first_sites_are_those_of_the_default_half(name):
    model = moved(ZOO[name](), 3).double()
    x = random_data(model, 2, 1)
    for known in (1, model.domain.sites // 2, model.domain.sites - 1):
        evidence = torch.zeros(model.domain.sites, dtype=torch.bool)
        evidence[model.order.sites[:known]] = True
        evidence = evidence.view(model.domain.shape)
        found = complete(model, x, evidence, 2, seed=4)
        torch.testing.assert_close(found, complete(plain(model), x, evidence, 2, seed=4), rtol=1e-9, atol=1e-9)


def test_a_model_that_changes_conditionals_gets_the_default_half():
    class Warmer(MADE):
        def conditionals(self, x):
            return super().conditionals(x).tempered(2.0)

    class Renamed(MADE):
        """Changes nothing."""

    assert all(vars(Warmer)[name] is vars(AutoregressiveModel)[name] for name in SEQUENTIAL)
    assert Renamed.start is MADE.start
    model = moved(Warmer(Binary((5,)), hidden=(8,)), 1)
    assert torch.equal(sample(model, 50, seed=1), sample(plain(model), 50, seed=1))


# How many steps there are.


def test_steps_of_a_wavefront_follow_from_the_kernels():
    binary, colour = Binary((1, 28, 28)), Levels((3, 32, 32), 256)
    assert len(PixelCNN(binary, blocks=2, features=2).schedule) == 28 + 4 * 27
    assert len(PixelRNN(binary, "row", layers=2, features=2).schedule) == 28 + 4 * 27
    assert len(PixelRNN(binary, "diagonal", layers=2, features=2).schedule) == 28 * 28
    assert len(PixelCNN(colour, blocks=1, features=3).schedule) == 3 * (32 + 4 * 31)
    assert len(PixelCNN(Binary((1, 9, 3)), blocks=1, features=2).schedule) == 27  # narrower than the kernel reaches


def test_a_smaller_kernel_makes_fewer_steps():
    assert slope([(0, -1), (-1, 1)]) == 2
    assert slope([(0, -1), (-2, 3), (-1, 0)]) == 2
    assert slope([(0, -3)]) == 1


def test_sites_of_made_that_see_the_same_go_together():
    domain = Binary((6,))
    model = MADE(domain, hidden=(2,))
    seen = model.receptive_field()
    for group in model.schedule:
        assert bool((seen[group] == seen[group[0]]).all())
    assert len(model.schedule) == len(seen.unique(dim=0)) < 6
    assert len(MADE(domain, hidden=(2,), direct=True).schedule) == 6
    assert len(MADE(domain, hidden=(500,)).schedule) == 6


@pytest.mark.parametrize("name", SOME)
def test_evidence_is_absorbed_by_one_pass(name):
    model = ZOO[name]()
    calls = []
    layer = model.layers[0] if isinstance(model, MADE) else model.first
    layer.register_forward_hook(lambda *_: calls.append(1))
    groups = len(model.schedule) // 2
    with torch.no_grad():
        model.absorb(random_data(model, 2, 1), groups)
    assert len(calls) <= 1
