"""A draw inverts the distribution function at the noise of its site, and keeps the evidence."""

from __future__ import annotations

import torch

from chainrule.distributions import Conditionals
from chainrule.sampling import InverseCDFDraw

LOGITS = torch.tensor([[[0.0, 1.0, 2.0], [2.0, 0.0, 0.0]], [[1.0, 1.0, 1.0], [0.0, 0.0, 9.0]]])
DICE = Conditionals(LOGITS, binary=False)
NOISE = torch.tensor([[0.1, 0.9, 0.5], [0.7, 0.2, 0.4]], dtype=torch.float64)


def test_a_value_is_where_the_distribution_function_passes_the_noise():
    sites = torch.tensor([2, 0])
    values = InverseCDFDraw(NOISE)(sites, DICE)
    upper = DICE.probs.double().cumsum(-1).gather(-1, values[..., None])[..., 0]
    lower = upper - DICE.probs.double().gather(-1, values[..., None])[..., 0]
    noise = NOISE[:, sites]
    assert bool(((lower <= noise) & (noise < upper)).all())


def test_the_noise_of_a_site_does_not_depend_on_the_group():
    both = InverseCDFDraw(NOISE)(torch.tensor([1, 2]), DICE)
    second = InverseCDFDraw(NOISE)(torch.tensor([2]), DICE.select_sites(torch.tensor([1])))
    assert torch.equal(both[:, 1:], second)


def test_a_low_temperature_draws_the_likeliest_value():
    noise = torch.tensor([[0.02, 0.98]], dtype=torch.float64).expand(2, 2)
    dice = Conditionals(LOGITS[:1].expand(2, -1, -1), binary=False)
    cold = InverseCDFDraw(noise, temperature=1e-3)(torch.tensor([0, 1]), dice)
    assert cold.tolist() == [[2, 0], [2, 0]]


def test_evidence_keeps_its_values_by_datum_and_site():
    values = torch.tensor([[7, 8, 9], [4, 5, 6]])
    evidence = torch.tensor([[True, False, False], [False, False, True]])
    drawn = InverseCDFDraw(NOISE)(torch.tensor([0, 2]), DICE)
    kept = InverseCDFDraw(NOISE, 1.0, values, evidence)(torch.tensor([0, 2]), DICE)
    assert kept.tolist() == [[7, drawn[0, 1]], [drawn[1, 0], 6]]
