"""The fast sequential halves: they draw what the default one draws, in as few steps as the layers admit."""

from __future__ import annotations

import copy
import sys

import pytest
import torch

import chainrule.layers
from chainrule.checks import check_sampler
from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.domains import Binary, Levels
from chainrule.errors import ChainruleError
from chainrule.inference.complete import complete
from chainrule.inference.sample import sample
from chainrule.models.base import SEQUENTIAL, AutoregressiveModel
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.sampling.decode import walk_all
from chainrule.sampling.draws import Drawing
from chainrule.sampling.mlp_numba import loops
from chainrule.sampling.wavefront import slope
from chainrule.seeding import generator
from tests.support.models import ZOO

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
    model = perturbed_copy(ZOO[name](), 3).double()
    # Numbers of a table may differ in their last digits.
    torch.testing.assert_close(sample(model, 3, seed=2), sample(plain(model), 3, seed=2), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SOME)
def test_completions_of_the_first_sites_are_those_of_the_default_half(name):
    model = perturbed_copy(ZOO[name](), 3).double()
    x = random_data(model, 2, 1)
    for known in (1, model.domain.sites // 2, model.domain.sites - 1):
        evidence = torch.zeros(model.domain.sites, dtype=torch.bool)
        evidence[model.order.sites[:known]] = True
        evidence = evidence.view(model.domain.shape)
        found = complete(model, x, evidence, 2, seed=4)
        torch.testing.assert_close(found, complete(plain(model), x, evidence, 2, seed=4), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SOME)
def test_states_that_were_selected_or_left_behind_go_on_as_they_should(name):
    model = perturbed_copy(ZOO[name](), 3).double()
    x, steps, rows = random_data(model, 2, 1), len(model.schedule), torch.tensor([1, 0, 1])
    wanted, half = model.conditionals(x).canonical_params.flatten(1, -2), steps // 2

    def follow(state, rows):
        for step in range(half, min(half + 4, steps)):
            got, sites = model.predict(state).canonical_params, model.schedule[step]
            theirs = wanted[rows][:, sites]
            torch.testing.assert_close(got, theirs[..., : got.shape[-1]], rtol=1e-9, atol=1e-9)
            state = model.advance(state, x.flatten(1)[rows][:, sites])

    with torch.no_grad():
        follow(model.select(model.absorb(x, half), rows), rows)
        state = model.absorb(x, half)
        for _ in range(3):
            follow(state, torch.arange(2))


def test_a_model_that_changes_conditionals_gets_the_default_half():
    class Warmer(MADE):
        def conditionals(self, x):
            return super().conditionals(x).tempered(2.0)

    class Renamed(MADE):
        """Changes nothing."""

    assert all(vars(Warmer)[name] is vars(AutoregressiveModel)[name] for name in SEQUENTIAL)
    assert Renamed.start is MADE.start
    model = perturbed_copy(Warmer(Binary((5,)), hidden=(8,)), 1)
    assert torch.equal(sample(model, 50, seed=1), sample(plain(model), 50, seed=1))


def test_so_does_one_that_changes_them_from_beside_or_changes_the_inputs():
    class Warm:
        def conditionals(self, x):
            return super().conditionals(x).tempered(2.0)

    class Mixed(Warm, PixelCNN):
        pass

    class Flipped(PixelCNN):
        def encode(self, x):
            return -super().encode(x)

    class Kept(MADE):
        def conditionals(self, x):
            return super().conditionals(x).tempered(2.0)

        def select(self, state, rows):
            return super().select(state, rows)

    for kind in (Mixed, Flipped):
        assert vars(kind)["start"] is vars(AutoregressiveModel)["start"]
        assert check_sampler(kind(Binary((1, 3, 3)), blocks=1, features=2)).passed
    assert vars(Kept)["advance"] is vars(AutoregressiveModel)["advance"]
    assert "select" in vars(Kept)


# The compiled loop.

COMPILED = [name for name in ZOO if name.startswith("made") and "table" not in name and "column" not in name]
COMPILED.remove("made, large numbers")


@pytest.fixture
def no_numba(monkeypatch):
    """As if numba were not installed."""
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "chainrule.sampling.mlp_kernels", raising=False)
    monkeypatch.delattr(chainrule.layers, "compiled", raising=False)
    loops.cache_clear()
    yield
    loops.cache_clear()


@pytest.fixture
def ran(monkeypatch):
    """What each call of MADE's `run` gave."""
    found, run = [], MADE.run
    monkeypatch.setattr(MADE, "run", lambda *args: found.append(run(*args)) or found[-1])
    return found


@pytest.mark.parametrize("name", COMPILED)
def test_the_loop_draws_all(name, ran):
    model = ZOO[name]()
    assert torch.equal(sample(model, 2, seed=1).flatten(1)[:, model.order.sites], ran[0])


@pytest.mark.parametrize("name", COMPILED)
def test_without_numba_the_steps_draw_the_same(name, ran, no_numba):
    model = perturbed_copy(ZOO[name](), 3).double()
    assert torch.equal(sample(model, 3, seed=2), sample(plain(model), 3, seed=2))
    assert ran == [None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["made, 60 sites", "made, shuffled, direct, levels", "made, 256 levels"])
def test_the_loop_draws_at_any_temperature_whatever_the_chunk(name, dtype, ran):
    model = perturbed_copy(ZOO[name](), 3).to(dtype)
    for temperature in (0.5, 1.0, 3.0):
        wanted = sample(plain(model), 70, seed=5, temperature=temperature)
        for chunk in (1, 7, 70):
            assert torch.equal(sample(model, 70, seed=5, temperature=temperature, batch_size=chunk), wanted)
    assert all(each is not None for each in ran)


@pytest.mark.parametrize("name", ["made, 60 sites", "made, shuffled, direct, levels"])
def test_the_loop_keeps_the_evidence_of_each_datum(name, ran):
    """From a few absorbed groups on, with evidence among those that are left, and other for each datum."""
    model = perturbed_copy(ZOO[name](), 3).double()
    x, rank = random_data(model, 9, 1), model.order.rank
    lengths = torch.linspace(1, model.domain.sites, 9).long()
    evidence = (rank < lengths[:, None]).view(x.shape)
    found = walk_all(model, x, evidence, [(row,) for row in range(9)], 4)
    assert ran[0] is not None
    assert torch.equal(found[evidence], x[evidence])
    assert torch.equal(found, walk_all(plain(model), x, evidence, [(row,) for row in range(9)], 4))


def test_the_loop_leaves_a_state_as_it_was():
    model = perturbed_copy(ZOO["made, 60 sites"](), 3).double()
    x, steps = random_data(model, 2, 1), len(model.schedule)
    with torch.no_grad():
        state = model.absorb(x, steps // 2)
        later = model.advance(state, x[:, model.schedule[steps // 2]])
        wanted, noise = model.predict(later).logits, torch.rand(2, 60, generator=generator(1)).double()
        drawn = model.run(state, Drawing(noise))  # though the walk has gone on
        assert torch.equal(model.run(model.absorb(x, steps // 2), Drawing(noise)), drawn)
        torch.testing.assert_close(model.predict(later).logits, wanted)


def test_the_loop_takes_no_temperature_of_0():
    model = ZOO["made"]()
    with pytest.raises(ChainruleError, match="temperature"):
        model.run(model.start(1), Drawing(torch.zeros(1, 5).double(), 0.0))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_loop_never_draws_what_is_impossible(temperature, ran):
    binary, levels = MADE(Binary((60,)), hidden=(8,)), MADE(Levels((20,), 3), hidden=(8,))
    with torch.no_grad():
        binary.output.bias.copy_(torch.tensor([torch.inf, -torch.inf]).repeat(30))
        levels.output.bias.copy_(torch.tensor([-torch.inf, 0.0, -torch.inf]).repeat(20))
    assert (sample(binary, 5, temperature=temperature) == torch.tensor([1, 0]).repeat(30)).all()
    assert (sample(levels, 5, temperature=temperature) == 1).all()
    assert len(ran) == 2
    assert all(each is not None for each in ran)


def test_a_model_that_changes_a_step_has_no_loop():
    class Slower(MADE):
        def predict(self, state):
            return super().predict(state).tempered(2.0)

    class Looping(MADE):
        def run(self, state, choice):
            return super().run(state, choice)

    assert Slower.run is AutoregressiveModel.run
    assert Slower.start is MADE.start
    assert Looping.predict is MADE.predict


@pytest.mark.parametrize("name", ["made, mixed table", "made, table of levels"])
def test_tables_go_step_by_step(name, ran):
    sample(ZOO[name](), 2, seed=1)
    assert ran == [None]


@pytest.mark.parametrize("name", SOME)
def test_draws_do_not_depend_on_autocast(name):
    model = perturbed_copy(ZOO[name](), 3)
    with torch.autocast("cpu", torch.bfloat16):
        drawn = sample(model, 2, seed=1)
    torch.testing.assert_close(drawn, sample(model, 2, seed=1))


@pytest.mark.parametrize("name", SOME)
def test_a_walk_by_hand_needs_no_mode_and_no_data(name):
    model = ZOO[name]()
    for n in (0, 2):
        state = model.absorb(random_data(model, 2, 1)[:n], 1)
        state = model.advance(state, random_data(model, 2, 1)[:n].flatten(1)[:, model.schedule[1]])
        assert model.predict(state).shape[0] == n
        assert not model.predict(model.start(n)).canonical_params.requires_grad


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
    assert len(MADE(domain, hidden=(2,), direct_connections=True).schedule) == 6
    assert len(MADE(domain, hidden=(500,)).schedule) == 6


@pytest.mark.parametrize("name", [name for name in SOME if not name.startswith("made")])
def test_evidence_is_absorbed_by_one_pass(name):
    model, calls = ZOO[name](), []
    model.first.register_forward_hook(lambda *_: calls.append(1))
    model.absorb(random_data(model, 2, 1), len(model.schedule) // 2)
    assert len(calls) == 1
