"""What precision `auto` means, that a run keeps it, and that masks change nothing of what layers compute in it."""

from __future__ import annotations

import json

import pytest
import torch

import chainrule as cr
from chainrule.hardware import has_bfloat16
from chainrule.layers.masked import masked
from chainrule.layers.masks import degree_mask
from chainrule.training import Settings, settings
from tests.support.models import mixed
from tests.support.runs import CLONES, DOMAIN, NOISE, QUIET, Counting, bits, made, signalled

AUTO = {**QUIET, "epochs": 2, "precision": "auto"}
LINE = "layers train in bfloat16, which is faster here (precision auto); validation is in float32\n"


@pytest.fixture
def native(monkeypatch):
    """Says whether this machine computes in bfloat16."""

    def say(there: bool) -> None:
        monkeypatch.setattr(settings, "has_bfloat16", lambda _: there)

    return say


def pixelcnn() -> cr.PixelCNN:
    return cr.PixelCNN(DOMAIN, blocks=1, features=4)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (pixelcnn, "bfloat16"),
        (made, "bfloat16"),
        (lambda: made(agnostic="both"), "bfloat16"),
        (lambda: made().double(), "float32"),
        (lambda: cr.MADE(mixed, hidden=(4,)), "float32"),
        (lambda: cr.PixelRNN(DOMAIN, "row", layers=1, features=4), "float32"),
        (lambda: cr.Independent(DOMAIN), "float32"),
        (lambda: Counting(DOMAIN), "float32"),
    ],
    ids=["pixelcnn", "made", "family", "float64", "table", "pixelrnn", "independent", "one's own"],
)
def test_auto_is_bfloat16_where_model_and_machine_suit_it(model, expected, native):
    native(False)
    assert Settings().settled(model()).precision == "float32"
    native(True)
    assert Settings().settled(model()).precision == expected
    for said in ("float32", "bfloat16"):
        assert Settings(precision=said).settled(model()) == Settings(precision=said)


def test_what_the_machine_has_is_asked_of_torch(monkeypatch):
    name = "_is_avx512_bf16_supported"
    for there in (True, False):
        monkeypatch.setattr(torch.cpu, name, lambda there=there: there, raising=False)
        assert has_bfloat16(torch.device("cpu")) is there
    monkeypatch.delattr(torch.cpu, name)
    assert not has_bfloat16(torch.device("cpu"))
    assert not has_bfloat16(torch.device("mps"))


@pytest.mark.parametrize(("there", "meant", "said"), [(True, "bfloat16", LINE), (False, "float32", "")])
def test_auto_trains_as_what_it_means_and_says_so(there, meant, said, native, tmp_path, capsys):
    native(there)
    models = pixelcnn(), pixelcnn()
    cr.fit(models[0], CLONES, out=tmp_path / "run", **{**AUTO, "progress": True})
    assert capsys.readouterr().err.startswith(said + "epoch 1/2")
    cr.fit(models[1], CLONES, **{**AUTO, "precision": meant})
    assert bits(models[0]) == bits(models[1])
    assert json.loads((tmp_path / "run" / "config.json").read_text())["training"]["precision"] == meant


@pytest.mark.parametrize("there", [True, False])
def test_a_resumed_run_keeps_what_auto_meant_where_it_began(there, native, tmp_path, monkeypatch):
    whole, broken = pixelcnn(), pixelcnn()
    native(there)
    cr.fit(whole, CLONES, NOISE, **AUTO)
    with monkeypatch.context() as patch:
        signalled(patch, 15, at=5)
        with pytest.raises(cr.TrainingStopped):
            cr.fit(pixelcnn(), CLONES, NOISE, out=tmp_path / "run", **AUTO)
    native(not there)
    cr.fit(broken, CLONES, NOISE, out=tmp_path / "run", resume=True, **AUTO)
    assert bits(broken) == bits(whole)
    other = {True: "float32", False: "bfloat16"}[there]
    with pytest.raises(cr.ChainruleError, match=r"was trained with training\.precision = "):
        cr.fit(broken, CLONES, NOISE, out=tmp_path / "run", resume=True, **{**AUTO, "precision": other})


# Masks.


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32])
@pytest.mark.parametrize("weights", [torch.float32, torch.float64])
def test_masked_weights_are_rounded_as_the_product_would_round_them(dtype, weights):
    weight = torch.randn(5, 7, dtype=weights, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mask = degree_mask(torch.arange(5), torch.arange(7), strict=True, dtype=dtype)
    exact = mask * weight
    assert torch.equal(masked(weight, mask), exact)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = masked(weight, mask)
    kept = weights == torch.float64  # of which autocast makes nothing
    assert torch.equal(rounded, exact if kept else exact.bfloat16())
    (slope,) = torch.autograd.grad(rounded.sum(), weight)
    assert torch.equal(slope, mask.to(weights))


@pytest.mark.parametrize("strict", [True, False])
def test_a_mask_of_numbers_is_that_of_truths(strict):
    degrees = torch.randperm(3000, generator=torch.Generator().manual_seed(0))
    mask = degree_mask(degrees[:50], degrees, strict, torch.float32)
    assert mask.dtype == torch.float32
    assert torch.equal(mask, degree_mask(degrees[:50], degrees, strict).float())


def test_a_family_in_bfloat16_trains_the_members_that_it_says():
    """In half precision degrees over 256 have no numbers of their own; masks are exact all the same."""
    family = cr.MADE(cr.Binary((600,)), hidden=(8,), agnostic="both").bfloat16()
    for exact, found in zip(family._masks(*family._turn(3)), drawn(family, 3), strict=True):
        assert torch.equal(exact, found.bool())


def drawn(family: cr.MADE, update: int) -> list[torch.Tensor]:
    """The masks that an update multiplies its weights by."""
    masks = []
    for layer in family._linears:
        layer.register_forward_pre_hook(lambda _, given: masks.append(given[1]))
    family(torch.zeros(1, 600), update)
    return masks
