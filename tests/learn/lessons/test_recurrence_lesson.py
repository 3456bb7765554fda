"""The claims of the lesson on recurrent networks."""

from __future__ import annotations

import pytest
import torch

from chainrule.learn.lessons import recurrence_lesson as lesson
from chainrule.learn.recall_task import (
    sample_sequences,
)
from chainrule.seeding import generator


def test_gradients_grow_by_the_radius_at_zero_states_and_by_less_with_inputs():
    still, driven = lesson.gradient_norms(0.0), lesson.gradient_norms(1.0)
    for radius in lesson.SPECTRAL_RADII:
        powers = radius ** torch.arange(lesson.STEPS + 1, dtype=torch.float64)
        torch.testing.assert_close(still[radius], powers)
        assert bool((driven[radius][1:] < powers[1:]).all())
    assert driven[1.1][-1] < 1e-3 < 1 < still[1.1][-1]
    assert driven[lesson.SPECTRAL_RADII[-1]][-1] > 1e3


def test_the_comparisons_with_autograd_and_torch_agree():
    assert lesson.max_autograd_difference() < 1e-14
    assert lesson.max_torch_difference() < 1e-14
    assert lesson.max_torch_difference(order="oifg") > 0.1


@pytest.fixture(scope="module")
def networks():
    return lesson.train_all_kinds(lambda share, more="": None)


def test_all_networks_learn_short_sequences_and_only_open_lstms_long_ones(networks):
    plain, shut, opened = (share.mean(1) for share in lesson.recall_fractions(networks).values())
    assert min(plain[0], shut[0], opened[0]) > 0.95
    assert opened[-1] > plain[-1] + 0.3
    assert opened[-1] > shut[-1] + 0.3
    assert plain[-1] < 0.65
    assert shut[2] > plain[2] + 0.2  # the plain networks fall first
    assert bool((opened >= plain - 0.02).all())


def test_the_gradient_reaches_further_back_with_open_gates(networks):
    x = sample_sequences(1, length=lesson.LENGTHS[-1], generator=generator(5))[0][0]
    norms = lesson.collect_norms(networks, lesson.recall_fractions(networks), x)
    assert norms["LSTM, forget bias 3"][-1] > 100 * norms["plain"][-1]
    for name in ("LSTM, forget bias 1", "LSTM, forget bias 3"):
        assert norms[f"{name}: the cell line alone"][-1] > 0
        assert len(norms[name]) == lesson.LENGTHS[-1] + 1
