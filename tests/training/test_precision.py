"""The precision `auto`: what it stands for, and that a resumed run keeps it."""

from __future__ import annotations

import json

import pytest
import torch

import chainrule as cr
from chainrule.hardware import has_bfloat16
from chainrule.training import Settings, settings
from tests.support.models import mixed
from tests.support.runs import (
    DOMAIN,
    FAST,
    NOISE,
    REPEATED,
    CountingModel,
    raise_signal_in_update,
    small_made,
    weight_bytes,
)

AUTO = {**FAST, "epochs": 2, "precision": "auto"}
LINE = "layers train in bfloat16, which is faster here (precision auto); validation is in float32\n"


@pytest.fixture
def native(monkeypatch):
    """Set whether this machine has instructions for bfloat16."""

    def set_native(value: bool) -> None:
        monkeypatch.setattr(settings, "has_bfloat16", lambda _: value)

    return set_native


def pixelcnn() -> cr.PixelCNN:
    return cr.PixelCNN(DOMAIN, blocks=1, features=4)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (pixelcnn, "bfloat16"),
        (small_made, "bfloat16"),
        (lambda: small_made(agnostic="both"), "bfloat16"),
        (lambda: small_made().double(), "float32"),
        (lambda: cr.MADE(mixed, hidden=(4,)), "float32"),
        (lambda: cr.PixelRNN(DOMAIN, "row", layers=1, features=4), "float32"),
        (lambda: cr.Independent(DOMAIN), "float32"),
        (lambda: CountingModel(DOMAIN), "float32"),
    ],
    ids=["pixelcnn", "made", "family", "float64", "table", "pixelrnn", "independent", "own class"],
)
def test_auto_is_bfloat16_where_model_and_machine_are_suitable(model, expected, native):
    native(False)
    assert Settings().with_resolved_precision(model()).precision == "float32"
    native(True)
    assert Settings().with_resolved_precision(model()).precision == expected
    for precision in ("float32", "bfloat16"):
        assert Settings(precision=precision).with_resolved_precision(model()) == Settings(precision=precision)


def test_torch_tells_whether_the_machine_has_bfloat16(monkeypatch):
    name = "_is_avx512_bf16_supported"
    for there in (True, False):
        monkeypatch.setattr(torch.cpu, name, lambda there=there: there, raising=False)
        assert has_bfloat16(torch.device("cpu")) is there
    monkeypatch.delattr(torch.cpu, name)
    assert not has_bfloat16(torch.device("cpu"))
    assert not has_bfloat16(torch.device("mps"))


@pytest.mark.parametrize(("is_native", "precision", "message"), [(True, "bfloat16", LINE), (False, "float32", "")])
def test_auto_trains_like_the_precision_it_stands_for_and_prints_it(
    is_native, precision, message, native, tmp_path, capsys
):
    native(is_native)
    models = pixelcnn(), pixelcnn()
    cr.fit(models[0], REPEATED, out=tmp_path / "run", **{**AUTO, "progress": True})
    assert capsys.readouterr().err.startswith(message + "epoch 1/2")
    cr.fit(models[1], REPEATED, **{**AUTO, "precision": precision})
    assert weight_bytes(models[0]) == weight_bytes(models[1])
    assert json.loads((tmp_path / "run" / "config.json").read_text())["training"]["precision"] == precision


@pytest.mark.parametrize("began", [True, False])
def test_a_resumed_run_keeps_the_precision_it_began_with(began, native, tmp_path, monkeypatch):
    whole, broken = pixelcnn(), pixelcnn()
    native(began)
    cr.fit(whole, REPEATED, NOISE, **AUTO)
    with monkeypatch.context() as patch:
        raise_signal_in_update(patch, 15, at=5)
        with pytest.raises(cr.TrainingStopped):
            cr.fit(pixelcnn(), REPEATED, NOISE, out=tmp_path / "run", **AUTO)
    native(not began)
    cr.fit(broken, REPEATED, NOISE, out=tmp_path / "run", resume=True, **AUTO)
    assert weight_bytes(broken) == weight_bytes(whole)
    other = {True: "float32", False: "bfloat16"}[began]
    with pytest.raises(cr.ChainruleError, match=r"was trained with training\.precision = "):
        cr.fit(broken, REPEATED, NOISE, out=tmp_path / "run", resume=True, **{**AUTO, "precision": other})


def test_a_family_in_bfloat16_trains_with_exact_masks():
    """In bfloat16, integers above 256 are rounded, but the masks do not depend on that."""
    family = cr.MADE(cr.Binary((600,)), hidden=(8,), agnostic="both").bfloat16()
    for exact, found in zip(family._masks(*family._member_at(3)), masks_of_update(family, 3), strict=True):
        assert torch.equal(exact, found.bool())


def masks_of_update(family: cr.MADE, update: int) -> list[torch.Tensor]:
    """Return the masks that an update multiplies its weights by."""
    masks = []
    for layer in family._linears:
        layer.register_forward_pre_hook(lambda _, inputs: masks.append(inputs[1]))
    family(torch.zeros(1, 600), update)
    return masks
