"""Tests of the list of draws with which commits are compared."""

from __future__ import annotations

import pytest
import torch

import chainrule as cr
from tests.support.scripts import load_script

draws = load_script("benchmarks/draws.py")


def test_every_model_has_a_name_and_its_weights_are_perturbed():
    models = draws.make_models()
    assert {type(model) for model in models.values()} == {
        cr.Independent, cr.MADE, cr.PixelCNN, cr.PixelRNN, cr.Ensemble,
    }  # fmt: skip
    assert all(bool((weight != 0).any()) for model in models.values() for weight in model.parameters())


@pytest.mark.filterwarnings("ignore::chainrule.CollapseWarning")
@pytest.mark.parametrize("name", ["made, table, all orders", "pixelcnn, colour"])
def test_draws_have_different_names_and_the_same_digests_again(name):
    model = draws.make_models()[name]
    digests = {draw_name: draws.digest(draw) for draw_name, draw in draws.list_draws(model)}
    assert len(digests) == len(list(draws.list_draws(model)))
    assert digests == {draw_name: draws.digest(draw) for draw_name, draw in draws.list_draws(model)}
    assert digests["sample"] == digests["sample, small batches"]


def test_a_digest_depends_on_values_type_and_shape():
    x = torch.zeros(2, 3)
    changed = x.index_fill(1, torch.tensor(2), 1)
    tensors = [x, x.double(), x.view(3, 2), changed]
    assert len({draws.digest(lambda tensor=tensor: tensor) for tensor in tensors}) == len(tensors)


def test_an_error_is_a_digest():
    def refuse():
        raise cr.ChainruleError("why")

    assert draws.digest(refuse) == "ChainruleError"


def test_evidence_is_a_prefix_of_some_orders_and_not_of_others():
    patterns = draws.evidence_patterns(draws.IMAGE)
    order = cr.MADE(draws.IMAGE, hidden=()).order
    prefixes = {name: bool(order.is_prefix(evidence.flatten())) for name, evidence in patterns.items()}
    assert prefixes["top"]
    assert not prefixes["left"]
    assert not prefixes["last site"]
