"""Families of MADEs that share weights, and the ensembles that average them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.checkpoint import read_tensors, write_tensors
from chainrule.checks.variants import perturbed_copy
from chainrule.models.ensemble import Ensemble
from chainrule.models.made import AGNOSTIC
from tests.support.terminal import commands

FOUR = cr.Binary((4,))


def family(agnostic="both", num_masks=None, **arguments):
    return perturbed_copy(
        cr.MADE(FOUR, hidden=(12, 12), direct_connections=True, agnostic=agnostic, num_masks=num_masks, **arguments), 1
    )


def all_data(model):
    return next(model.domain.outcomes())


def test_without_agnostic_there_is_one_member():
    model = perturbed_copy(cr.MADE(FOUR, hidden=(6,)), 0)
    (member,) = model.members(1)
    assert torch.equal(member.log_prob(all_data(model)), model.log_prob(all_data(model)))
    with pytest.raises(cr.ChainruleError, match="one order"):
        model.member(order=(3, 2, 1, 0))
    with pytest.raises(cr.ChainruleError, match="one connectivity"):
        model.member(seed=1)
    with pytest.raises(cr.ChainruleError, match="1 to 1, not 2"):
        model.members(2)


def test_what_is_drawn_is_what_was_asked_for():
    drawn = {agnostic: family(agnostic).members(8) for agnostic in AGNOSTIC}
    orders = {agnostic: len({member.order for member in members}) for agnostic, members in drawn.items()}
    hidden = {
        agnostic: len({tuple(member.layers[1].mask.sum(1).tolist()) for member in members})
        for agnostic, members in drawn.items()
    }
    assert orders == {"order": 8, "connectivity": 1, "both": 8}
    assert hidden["order"] == 1 < hidden["connectivity"]
    assert hidden["both"] > 1


def test_members_share_weights_and_leave_the_family_as_it_is():
    model = family()
    before = [layer.mask.clone() for layer in (*model.layers, model.output, model.skip)]
    members = model.members(3)
    for member in members:
        assert all(mine is theirs for mine, theirs in zip(member.parameters(), model.parameters(), strict=True))
        assert (member.agnostic, member.num_masks) == (None, None)
    assert len({member.order for member in members}) == 3
    after = [layer.mask for layer in (*model.layers, model.output, model.skip)]
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(before, after, strict=True))
    assert [int(group) for group in members[0].sampler().schedule] == list(members[0].order.permutation)


@pytest.mark.parametrize("agnostic", AGNOSTIC)
@pytest.mark.parametrize("masks", [None, 3])
def test_training_goes_through_the_members(agnostic, masks):
    model, x = family(agnostic, masks), torch.tensor([[1, 0, 1, 1], [0, 0, 1, 0]])
    trained = [model(x, update) for update in range(6)]
    distinct = len({tuple(nats.tolist()) for nats in trained})
    if masks is None:
        assert distinct == 6
        wanted = [member.log_prob(x) for member in model.members(6, seed=model.seed)]
    else:
        assert distinct == 3
        wanted = [member.log_prob(x) for member in model.members(3)] * 2
    assert all(torch.allclose(mine, theirs) for mine, theirs in zip(trained, wanted, strict=True))


def test_gradients_reach_open_weights_only():
    model = family(num_masks=2).train().requires_grad_(True)
    model(all_data(model), 1).sum().backward()
    used = model.members(2)[1]
    for mine, theirs in zip(model.layers, used.layers, strict=True):
        assert mine.weight.grad[~theirs.mask].eq(0).all()
        assert mine.weight.grad[theirs.mask].ne(0).any()


def test_a_member_is_a_model_to_save(tmp_path):
    member = family().member(order=(2, 0, 3, 1), seed=9)
    cr.save(member, tmp_path / "member")
    again = cr.load(tmp_path / "member")
    assert again.order == member.order
    assert torch.equal(again.log_prob(all_data(member)), member.log_prob(all_data(member)))


def test_a_family_comes_back_as_one(tmp_path):
    model = family(num_masks=4)
    cr.save(model, tmp_path / "family")
    again = cr.load(tmp_path / "family")
    mine, theirs = Ensemble(model.members(4)), Ensemble(again.members(4))
    assert torch.equal(mine.log_prob(all_data(model)), theirs.log_prob(all_data(model)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"agnostic": "all"}, "agnostic must be one of order, connectivity, both, not 'all'"),
        ({"num_masks": 4}, "only with agnostic"),
        ({"agnostic": "both", "num_masks": 0}, "at least 1"),
    ],
)
def test_arguments_that_make_no_family(arguments, words):
    with pytest.raises(cr.ChainruleError, match=words):
        cr.MADE(FOUR, **arguments)


@pytest.mark.parametrize(("masks", "n", "words"), [(3, 4, "1 to 3, not 4"), (None, 0, "at least 1, not 0")])
def test_members_that_there_are_not(masks, n, words):
    with pytest.raises(cr.ChainruleError, match=words):
        family(num_masks=masks).members(n)


def test_an_ensemble_averages_probabilities_not_logits():
    model = family()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    members, x = model.members(3), all_data(model)
    mean = torch.stack([member.log_prob(x).exp() for member in members]).mean(0)
    assert torch.allclose(Ensemble(members).log_prob(x).exp(), mean)
    wrong = torch.stack([member.conditionals(x).logits for member in members]).mean(0)
    total = cr.Conditionals(wrong, binary=True).log_prob(x).sum(1).exp().sum()
    assert abs(total.item() - 1) > 0.01  # what averages of logits come to: no density


def test_shared_weights_are_written_once_and_shared_again(tmp_path):
    model = family()
    ensemble = Ensemble(model.members(3))
    cr.save(ensemble, tmp_path / "ensemble")
    tensors, _ = read_tensors(tmp_path / "ensemble" / "model.safetensors")
    assert len(tensors) == len(list(model.parameters()))
    again = cr.load(tmp_path / "ensemble")
    assert len(list(again.parameters())) == len(list(model.parameters()))
    assert torch.equal(again.log_prob(all_data(model)), ensemble.log_prob(all_data(model)))


@pytest.mark.parametrize("shared", ['{"output.bias": "nothing"}', "[1]", "{"])
def test_a_record_of_shared_weights_that_makes_no_sense_is_said(shared, tmp_path):
    cr.save(Ensemble(family().members(2)), tmp_path / "ensemble")
    file = tmp_path / "ensemble" / "model.safetensors"
    tensors, about = read_tensors(file)
    write_tensors(file, tensors, {**about, "shared": shared})
    with pytest.raises(cr.ChainruleError, match=r"is damaged .*restore it from a copy"):
        cr.load(tmp_path / "ensemble")


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ([], "at least one model"),
        ([cr.MADE(FOUR), cr.MADE(cr.Binary((5,)))], "one domain"),
        ([torch.nn.Linear(2, 2)], "a Linear is none"),
    ],
)
def test_what_makes_no_ensemble(models, words):
    with pytest.raises(cr.ChainruleError, match=words):
        Ensemble(models)


def test_an_ensemble_is_evaluated_and_sampled_like_a_model():
    ensemble = Ensemble(family().members(3))
    nats = -ensemble.log_prob(all_data(ensemble)).mean().item()
    assert cr.evaluate(ensemble, all_data(ensemble)).nats == pytest.approx(nats)
    assert torch.equal(cr.sample(ensemble, 40, batch_size=7), cr.sample(ensemble, 50)[:40])
    assert math.isfinite(nats)


def test_families_on_the_command_line(tmp_path, capsys, monkeypatch):
    run = commands(tmp_path, capsys, monkeypatch)
    x = np.random.default_rng(0).integers(0, 2, (40, 6), dtype=np.uint8)
    np.savez(tmp_path / "rows.npz", train=x[:20], valid=x[20:30], test=x[30:])
    family = ["--model.hidden", "[8]", "--model.agnostic", "both", "--model.num-masks", 3, "--epochs", 2]
    assert run("train", "made", "--data", "rows.npz", "--out", "made", *family)[0] == 0
    status, out, _ = run("evaluate", "made", "--data", "rows.npz", "--members", 3, "--json")
    wanted = cr.evaluate(Ensemble(cr.load("made").members(3)), x[30:])
    assert (status, json.loads(out)["nats"]) == (0, pytest.approx(wanted.nats))
    assert run("sample", "made", "-n", 5, "--members", 2, "--out", "some.npy")[0] == 0
    assert np.array_equal(np.load("some.npy"), cr.sample(Ensemble(cr.load("made").members(2)), 5))
    status, _, err = run("evaluate", "made", "--data", "rows.npz", "--members", 4)
    assert (status, "1 to 3, not 4" in err, err.count("\n")) == (2, True, 1)
    cr.save(cr.Independent(cr.Binary((6,))), "other")
    assert "holds another model" in run("sample", "other", "--members", 2, "--out", "none.npy")[2]


@pytest.mark.parametrize(
    ("model", "n", "words"),
    [
        (cr.Independent(FOUR), 2, "the number of members must be 1, not 2"),
        (cr.Ensemble([cr.Independent(FOUR)]), 0, "the number of members must be at least 1, not 0"),
        (cr.Ensemble([family(num_masks=3)]), 4, "1 to 3, not 4"),
    ],
)
def test_a_number_of_members_that_a_model_does_not_have_is_refused(model, n, words):
    with pytest.raises(cr.ChainruleError, match=words):
        model.check_members(n)
    assert model.check_members(1) in (1, 3, None)
