"""Errors of `fit`: training that diverges, bad settings, bad data, bad models and bad folders."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.data import Split
from chainrule.training import Settings
from tests.support.runs import (
    DOMAIN,
    FAST,
    NOISE,
    REPEATED,
    WRAPPERS,
    CountingModel,
    file_contents,
    make_data,
    small_made,
    weight_bytes,
)

# Divergence.


@pytest.mark.parametrize("valid", [None, REPEATED[:9]])
@pytest.mark.parametrize(
    ("until", "where", "kept"),
    [
        (1, "epoch 1, update 2 of 4", "no epoch was finished, so the weights are those that it began with"),
        (9, "epoch 3, update 2 of 4", "the weights of epoch 2 are kept"),
    ],
)
def test_a_nan_loss_stops_training_and_the_last_good_weights_stay(until, where, kept, valid, tmp_path):
    model, out = CountingModel(DOMAIN, until=until), tmp_path / "run"
    with pytest.raises(cr.TrainingStopped) as stop:
        cr.fit(model, REPEATED, valid, epochs=9, schedule="constant", out=out, **FAST)
    assert not stop.value.interrupted
    assert str(stop.value) == (
        f"the loss is nan nats and its gradient's norm nan in {where}; lower lr (now 0.02) or clip (now 1); {kept}"
    )
    assert bool(model.bias.isfinite().all())
    assert weight_bytes(cr.load(out)) == weight_bytes(model)
    good = CountingModel(DOMAIN)
    if "epoch 2" in kept:
        cr.fit(good, REPEATED, valid, epochs=2, schedule="constant", **FAST)
    assert torch.equal(model.bias, good.bias)


def test_a_nan_validation_nll_is_never_the_best(monkeypatch, tmp_path):
    model = small_made()
    monkeypatch.setattr("chainrule.training.trainer.compute_log_probs", lambda *_: torch.tensor([math.nan]))
    began = weight_bytes(model)
    with pytest.raises(cr.TrainingStopped, match=r"the validation NLL is nan nats in epoch 1, update 4 of 4; lower lr"):
        cr.fit(model, REPEATED, NOISE, epochs=3, out=tmp_path / "run", **FAST)
    assert weight_bytes(model) == weight_bytes(cr.load(tmp_path / "run")) == began


def test_weights_that_overflow_in_the_last_update_are_not_used(tmp_path):
    model = cr.Independent(DOMAIN)
    with torch.no_grad():
        model.logits.fill_(1e9)
    with pytest.raises(cr.TrainingStopped, match="the weights are no longer finite in epoch 1, update 1 of 1"):
        cr.fit(
            model, REPEATED, epochs=1, out=tmp_path / "run", progress=False, optimiser="sgd", weight_decay=9e29, ema=0
        )
    assert model.logits.unique().tolist() == [1e9]
    assert weight_bytes(cr.load(tmp_path / "run")) == weight_bytes(model)


# Bad input.

BAD = {
    "epochs 0": ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
    "half an epoch": ({"epochs": 1.5}, "epochs must be a whole number of at least 1, not 1.5"),
    "epochs in words": ({"epochs": "3"}, "epochs must be a whole number of at least 1, not '3'"),
    "epochs True": ({"epochs": True}, "epochs must be a whole number"),
    "batch 0": ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
    "warmup -1": ({"warmup": -1}, "warmup must be a whole number of at least 0, not -1"),
    "patience 0": ({"patience": 0}, "patience must be a whole number of at least 1, not 0"),
    "seed 0.5": ({"seed": 0.5}, "seed must be a whole number, not 0.5"),
    "lr 0": ({"lr": 0}, "lr must be a number above 0 and below 1e+30, not 0"),
    "lr -1": ({"lr": -1.0}, "lr must be a number above 0"),
    "lr nan": ({"lr": math.nan}, "lr must be a number above 0 and below 1e+30, not nan"),
    "lr inf": ({"lr": math.inf}, "lr must be a number above 0 and below 1e+30, not inf"),
    "lr beyond float32": ({"lr": 1e39}, "lr must be a number above 0 and below 1e+30, not 1e+39"),
    "lr in words": ({"lr": "1e-3"}, "lr must be a number above 0 and below 1e+30, not '1e-3'"),
    "clip 0": ({"clip": 0}, "clip must be a number above 0"),
    "ema 1": ({"ema": 1.0}, "ema must be a number of at least 0 and below 1, not 1.0"),
    "ema -0.1": ({"ema": -0.1}, "ema must be a number of at least 0 and below 1, not -0.1"),
    "decay -1": ({"weight_decay": -1}, "weight_decay must be a number of at least 0 and below 1e+30, not -1"),
    "optimiser": ({"optimiser": "adam"}, "optimiser must be one of adamw, sgd, rmsprop, adagrad, adadelta, not 'adam'"),
    "schedule": ({"schedule": ["cosine"]}, "schedule must be one of cosine, constant, not ['cosine']"),
    "precision": ({"precision": "float16"}, "precision must be one of auto, float32, bfloat16, not 'float16'"),
    "device": ({"device": "tpu"}, "device 'tpu' is not available here; available: auto, "),
    "device index": ({"device": "cpu:x"}, "device 'cpu:x' is not available here"),
    "a device": ({"device": torch.device("cpu")}, "device must be a name such as 'cpu', not device(type='cpu')"),
    "patience without validation": ({"patience": 2}, "patience waits for a better validation NLL, and there are no"),
}


@pytest.mark.parametrize(("settings", "message"), BAD.values(), ids=BAD)
def test_bad_settings_are_refused_before_anything_is_written(settings, message, tmp_path):
    model = small_made()
    before = weight_bytes(model)
    with pytest.raises(cr.ChainruleError) as error:
        cr.fit(model, REPEATED, out=tmp_path / "run", progress=False, **settings)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
    assert weight_bytes(model) == before


def test_numpy_numbers_are_accepted(tmp_path):
    settings = {"epochs": np.int64(1), "batch_size": np.int32(8), "lr": np.float32(0.5), "seed": np.uint8(3)}
    cr.fit(small_made(), REPEATED, out=tmp_path / "run", progress=False, **settings)
    assert Settings(**settings) == Settings(epochs=1, batch_size=8, lr=0.5, seed=3)


class Weightless(CountingModel):
    def __init__(self, domain):
        super().__init__(domain)
        self.requires_grad_(False)


DATA = {
    "a list": ((REPEATED.tolist(), None), "data must be a tensor, an array or a split, not list"),
    "nothing": ((REPEATED[:0], None), "the data is empty"),
    "an empty split": ((Split(REPEATED[:0].byte()), None), "there are no training data; give at least one datum"),
    "no validation data": ((REPEATED, Split(REPEATED[:0].byte())), "there are no validation data"),
    "another shape": (
        (REPEATED.flatten(1), None),
        "the training data do not fit the model: the model takes data of shape",
    ),
    "a validation of another shape": (
        (REPEATED, REPEATED.view(-1, 9, 1, 1)),
        "the validation data do not fit the model",
    ),
    "other levels": ((REPEATED * 3, None), "the training data do not fit the model: values must lie in 0 … 1"),
    "fractions": ((REPEATED * 0.5, None), "the data has fractional values, first in datum 0"),
    "NaN": ((REPEATED * math.nan, None), "the data has missing values (NaN), first in datum 0"),
    "negative values": ((-REPEATED, None), "the data has values from -1 to 0"),
}


@pytest.mark.parametrize(("data", "message"), DATA.values(), ids=DATA)
def test_bad_data_are_refused_before_anything_is_written(data, message, tmp_path):
    with pytest.raises(cr.ChainruleError) as error:
        cr.fit(small_made(), *data, out=tmp_path / "run", progress=False)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_data_set_and_a_validation_set_together_are_refused(tmp_path):
    data = make_data("static", tmp_path)
    with pytest.raises(cr.ChainruleError, match="a data set has its own validation split"):
        cr.fit(cr.MADE(data.domain), data, data.valid)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapped_model_is_refused(wrap):
    wrapped = wrap(small_made())
    with pytest.raises(cr.ChainruleError) as error:
        cr.fit(wrapped, REPEATED, progress=False)
    assert str(error.value) == (
        f"fit takes the MADE itself, not the {type(wrapped).__name__} around it; give the MADE, and use torchrun to "
        "train in several processes"
    )


def test_an_ensemble_is_refused():
    with pytest.raises(cr.ChainruleError, match="fit trains one autoregressive model, not an Ensemble; give one of"):
        cr.fit(cr.Ensemble([small_made()]), REPEATED, progress=False)


def test_an_unknown_setting_is_an_unexpected_argument():
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_rate'"):
        cr.fit(small_made(), REPEATED, progress=False, learning_rate=1)


def test_a_model_without_weights_is_refused():
    with pytest.raises(cr.ChainruleError, match="Weightless has no weights to train"):
        cr.fit(Weightless(DOMAIN), REPEATED, progress=False)


def test_an_impossible_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        for resume in (False, True):
            with pytest.raises(cr.ChainruleError, match=r"exists and would be overwritten|cannot be written"):
                cr.fit(small_made(), REPEATED, out=out, resume=resume, progress=False)
    assert file_contents(tmp_path) == {str(tmp_path / "file"): b"mine"}
