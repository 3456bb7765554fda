"""The fast samplers: they draw what recomputing draws, in as few steps as the layers allow."""

from __future__ import annotations

import warnings

import pytest
import torch

from chainrule.checks import check_sampler
from chainrule.checks.variants import perturbed_copy, random_data
from chainrule.distributions import Conditionals
from chainrule.domains import Binary, Levels, natural
from chainrule.errors import ChainruleError
from chainrule.inference import CollapseWarning, complete, evaluate, impute, sample
from chainrule.models import MADE, AutoregressiveModel, Ensemble, PixelCNN, PixelRNN
from chainrule.sampling import MLPSampler, RecomputingSampler, decode, evaluating, slope
from chainrule.seeding import generator
from tests.support.models import ZOO
from tests.support.samplers import recomputing

SOME = (
    "made, 60 sites",
    "made, mixed table",
    "pixelcnn 5x7, colour, 4 levels",
    "row 5x7, colour, 4 levels",
    "diagonal 5x7, colour, 4 levels",
)


@pytest.mark.parametrize("name", ZOO)
def test_samples_equal_those_of_recomputing(name):
    model = perturbed_copy(ZOO[name](), 3).double()
    # Numbers of a table may differ in their last digits.
    torch.testing.assert_close(sample(model, 3, seed=2), sample(recomputing(model), 3, seed=2), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SOME)
def test_completions_equal_those_of_recomputing(name):
    model = perturbed_copy(ZOO[name](), 3).double()
    x = random_data(model, 2, 1)
    for known in (1, model.domain.sites // 2, model.domain.sites - 1):
        evidence = torch.zeros(model.domain.sites, dtype=torch.bool)
        evidence[model.order.sites[:known]] = True
        evidence = evidence.view(model.domain.shape)
        drawn = complete(model, x, evidence, n=2, seed=4)
        torch.testing.assert_close(drawn, complete(recomputing(model), x, evidence, n=2, seed=4), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SOME)
def test_reordered_and_earlier_states_continue_correctly(name):
    model = perturbed_copy(ZOO[name](), 3).double()
    sampler, x, rows = model.sampler(), random_data(model, 2, 1), torch.tensor([1, 0, 1])
    expected, half = model.conditionals(x).canonical_params.flatten(1, -2), len(sampler.schedule) // 2

    def follow(state, rows):
        for step in range(half, min(half + 4, len(sampler.schedule))):
            predicted, sites = sampler.predict(state).canonical_params, sampler.schedule[step]
            params = expected[rows][:, sites]
            torch.testing.assert_close(predicted, params[..., : predicted.shape[-1]], rtol=1e-9, atol=1e-9)
            state = sampler.step(state, x.flatten(1)[rows][:, sites])

    with torch.no_grad():
        follow(sampler.reorder(sampler.prefill(x, half), rows), rows)
        state = sampler.prefill(x, half)
        for _ in range(3):
            follow(state, torch.arange(2))


# Which sampler a model gives.


class Warm:
    """Changes the conditionals of the class beside it."""

    def conditionals(self, x):
        return super().conditionals(x).tempered(2.0)


class WarmMADE(Warm, MADE):
    pass


class WarmPixelCNN(Warm, PixelCNN):
    pass


class FlippedPixelCNN(PixelCNN):
    def encode(self, x):
        return -super().encode(x)


class RenamedMADE(MADE):
    """Changes nothing."""


class WarmMADEWithSampler(WarmMADE):
    """Changes the conditionals, and has a sampler that repeats them."""

    def fast_sampler(self):
        return WarmSampler(self._sampling_plan, super().fast_sampler().network.layers)


class WarmSampler(MLPSampler):
    def predict(self, state):
        return super().predict(state).tempered(2.0)


def test_a_model_that_changes_its_conditionals_recomputes_them():
    assert type(WarmMADE(Binary((5,)), hidden=(8,)).sampler()) is RecomputingSampler
    for model in (WarmPixelCNN, FlippedPixelCNN):
        changed = model(Binary((1, 3, 3)), blocks=1, features=2)
        assert type(changed.sampler()) is RecomputingSampler
        assert check_sampler(changed).passed


def test_conditionals_that_an_object_replaces_are_recomputed():
    model = perturbed_copy(MADE(Binary((5,)), hidden=(8,)), 1)
    conditionals = model.conditionals
    model.conditionals = lambda x: conditionals(x).tempered(2.0)
    assert type(model.sampler()) is RecomputingSampler


def test_a_class_that_changes_no_conditionals_keeps_the_fast_sampler():
    assert type(RenamedMADE(Binary((5,)), hidden=(8,)).sampler()) is MLPSampler


def test_a_class_may_change_both_its_conditionals_and_its_sampler():
    model = perturbed_copy(WarmMADEWithSampler(Binary((5,)), hidden=(8,)), 1)
    assert type(model.sampler()) is WarmSampler
    assert check_sampler(model).passed
    assert torch.equal(sample(model, 50, seed=1), sample(recomputing(model), 50, seed=1))


@pytest.mark.parametrize("name", ["init_state", "prefill", "predict", "step", "reorder"])
def test_a_sampler_that_changes_a_step_does_not_use_the_compiled_loop(name):
    model = MADE(Binary((5,)), hidden=(8,))
    changed = type("Changed", (MLPSampler,), {name: lambda *args: getattr(MLPSampler, name)(*args)})
    sampler = changed(model._sampling_plan, model.sampler().network.layers)
    assert model.sampler().loop_matches_steps()
    assert not sampler.loop_matches_steps()


def test_a_model_without_a_fast_sampler_recomputes():
    class Plain(AutoregressiveModel):
        def __init__(self, model):
            super().__init__()
            self.model, self.domain, self.order = model, model.domain, model.order

        def conditionals(self, x):
            return self.model.conditionals(x)

    model = perturbed_copy(MADE(Binary((5,)), hidden=(8,)), 1)
    assert type(Plain(model).sampler()) is RecomputingSampler
    assert torch.equal(sample(Plain(model), 9, seed=3), sample(model, 9, seed=3))


def test_an_ensemble_has_no_sampler():
    with pytest.raises(
        ChainruleError, match="no order of its own, and so no sampler; make a sampler of one of its components"
    ):
        Ensemble([MADE(Binary((5,)))]).sampler()


def test_draws_follow_the_present_weights():
    model = perturbed_copy(PixelCNN(Binary((1, 3, 3)), blocks=1, features=4), 1)
    before = sample(model, 20, seed=1)
    with torch.no_grad():
        model.output.bias.add_(3.0)
    assert not torch.equal(sample(model, 20, seed=1), before)
    assert check_sampler(model).passed


# Modes, devices and batches.


@pytest.mark.parametrize("name", SOME)
def test_draws_do_not_depend_on_autocast(name):
    model = perturbed_copy(ZOO[name](), 3)
    with torch.autocast("cpu", torch.bfloat16):
        drawn = sample(model, 2, seed=1)
    torch.testing.assert_close(drawn, sample(model, 2, seed=1))


@pytest.mark.parametrize("name", SOME)
def test_steps_record_no_gradients_and_take_an_empty_batch(name):
    model = ZOO[name]()
    sampler = model.sampler()
    for n in (0, 2):
        state = sampler.prefill(random_data(model, 2, 1)[:n], 1)
        state = sampler.step(state, random_data(model, 2, 1)[:n].flatten(1)[:, sampler.schedule[1]])
        assert sampler.predict(state).shape[0] == n
        assert not sampler.predict(sampler.init_state(n)).canonical_params.requires_grad


@pytest.mark.parametrize("name", [*SOME, "independent"])
def test_models_without_a_context_refuse_one(name):
    model, context = ZOO[name](), torch.zeros(2, 1)
    for sampler in (model.sampler(), RecomputingSampler(model)):
        with pytest.raises(ChainruleError, match="this model takes no context; leave context out"):
            sampler.predict(sampler.init_state(2, context))
        with pytest.raises(ChainruleError, match="this model takes no context; leave context out"):
            sampler.predict(sampler.prefill(random_data(model, 2, 1), 0, context))


class Dropped(AutoregressiveModel):
    """Logistic regressions on the sites before each site, with dropout: in training mode every pass differs."""

    def __init__(self, domain, seed=0):
        super().__init__()
        self.domain, self.seed, self.order = domain, seed, natural(domain)
        self.weight = torch.nn.Parameter(torch.randn(domain.sites, domain.sites, generator=generator(seed)))
        self.dropout = torch.nn.Dropout(0.5)

    def conditionals(self, x):
        logits = self.dropout(self.encode(x).flatten(1)) @ self.weight.tril(-1).T
        return Conditionals(logits.view(-1, *self.domain.shape), binary=True)


DROPPED = {
    "one model": lambda: Dropped(Binary((5,))),
    "an ensemble": lambda: Ensemble([Dropped(Binary((5,)), seed) for seed in (0, 1)]),
}


@pytest.mark.parametrize("name", DROPPED)
def test_draws_and_likelihoods_are_those_of_evaluation_mode_and_the_mode_is_restored(name):
    model, x = DROPPED[name]().eval(), torch.ones(3, 5)
    patterns = [torch.tensor(bits, dtype=torch.bool) for bits in ([1, 1, 0, 0, 0], [1, 0, 0, 0, 1])]

    def answers():
        imputations = [impute(model, x, evidence, n=200, particles=200, seed=2) for evidence in patterns]
        return [
            sample(model, 20, seed=1),
            *(each.values for each in imputations),
            *(each.log_evidence for each in imputations),
        ]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        expected = answers()
        model.train()
        modes = [module.training for module in model.modules()]
        assert all(map(torch.equal, answers(), expected))
        assert evaluate(model, x).nats == evaluate(model.eval(), x).nats
        assert [module.training for module in model.train().modules()] == modes


def test_evaluating_switches_off_training_gradients_and_autocast():
    model = Dropped(Binary((5,))).train()
    with torch.autocast("cpu", torch.bfloat16), evaluating(model):
        assert not model.dropout.training
        assert not torch.is_grad_enabled()
        assert not torch.is_autocast_enabled("cpu")
    assert model.dropout.training
    assert torch.is_grad_enabled()


def test_decode_switches_off_gradients_and_autocast():
    def choose(sites, conditionals):
        assert not torch.is_grad_enabled()
        assert not torch.is_autocast_enabled("cpu")
        return torch.zeros(2, len(sites), dtype=torch.int64)

    sampler = MADE(Binary((5,)), hidden=(8,)).sampler()
    with torch.autocast("cpu", torch.bfloat16):
        assert decode(sampler, 2, choose).shape == (2, 5)


def test_a_fast_sampler_is_made_without_gradients():
    class Bare(MADE):
        def fast_sampler(self):
            assert not torch.is_grad_enabled()
            return super().fast_sampler()

    assert type(Bare(Binary((5,)), hidden=(8,)).sampler()) is MLPSampler


# The number of steps.


def steps(model):
    return len(model.sampler().schedule)


def test_the_steps_of_a_wavefront_follow_from_the_kernels():
    binary, colour = Binary((1, 28, 28)), Levels((3, 32, 32), 256)
    assert steps(PixelCNN(binary, blocks=2, features=2)) == 28 + 4 * 27
    assert steps(PixelRNN(binary, "row", layers=2, features=2)) == 28 + 4 * 27
    assert steps(PixelRNN(binary, "diagonal", layers=2, features=2)) == 28 * 28
    assert steps(PixelCNN(colour, blocks=1, features=3)) == 3 * (32 + 4 * 31)
    assert steps(PixelCNN(Binary((1, 9, 3)), blocks=1, features=2)) == 27  # narrower than the kernel


def test_a_smaller_kernel_needs_fewer_steps():
    assert slope([(0, -1), (-1, 1)]) == 2
    assert slope([(0, -1), (-2, 3), (-1, 0)]) == 2
    assert slope([(0, -3)]) == 1


def test_sites_of_made_with_equal_receptive_fields_form_a_group():
    domain = Binary((6,))
    model = MADE(domain, hidden=(2,))
    field = model.receptive_field()
    for group in model.sampler().schedule:
        assert bool((field[group] == field[group[0]]).all())
    assert steps(model) == len(field.unique(dim=0)) < 6
    assert steps(MADE(domain, hidden=(2,), direct_connections=True)) == 6
    assert steps(MADE(domain, hidden=(500,))) == 6


@pytest.mark.parametrize("name", [name for name in SOME if not name.startswith("made")])
def test_prefill_takes_one_pass(name):
    model, calls = ZOO[name](), []
    model.first.register_forward_hook(lambda *_: calls.append(1))
    sampler = model.sampler()
    sampler.prefill(random_data(model, 2, 1), len(sampler.schedule) // 2)
    assert len(calls) == 1
