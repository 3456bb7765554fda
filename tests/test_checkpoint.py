"""Saving and loading: a model comes back bit for bit, and anything else is refused in one line."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import chainrule
import chainrule as cr
from chainrule.checkpoint import digest, read_tensors, write_tensors
from chainrule.checks.variants import random_data
from chainrule.domains import shuffled
from tests.support.models import ZOO
from tests.support.runs import WRAPPERS, file_contents, weight_bytes


class UserModel(cr.AutoregressiveModel):
    """A model of a user: with tied weights, buffers, an order, and arguments of many types."""

    def __init__(self, domain, scale=1.0, widths=(2, 3), names=("a", "b"), order=None, more=None, seed=0):
        super().__init__()
        self.domain, self.scale, self.widths, self.names = domain, scale, widths, names
        self.order = order if isinstance(order, cr.Order) else cr.Order(tuple(order or range(domain.sites)))
        self.more, self.seed = more, seed
        self.bias = nn.Parameter(torch.randn(domain.shape, generator=torch.Generator().manual_seed(int(seed))) * scale)
        self.tied = self.bias
        self.register_buffer("steps", torch.tensor(3))
        self.register_buffer("nothing", torch.zeros(0))
        self.register_buffer("flags", torch.tensor([True, False]))

    def conditionals(self, x):
        return cr.Conditionals(self.bias.expand(len(x), *self.bias.shape), binary=True)


USER_MODELS = {
    "user model": lambda: UserModel(cr.Binary((2, 2))),
    "user model, numbers of numpy": lambda: UserModel(
        cr.Binary((4,)), np.float64(0.5), (np.int64(1), 2), seed=np.int32(3)
    ),
    "user model, nested": lambda: UserModel(cr.Binary((4,)), widths=[1, [2, 3]], more={"a": [1, None, True], "é": "ü"}),
    "user model, ordered": lambda: UserModel(cr.Binary((6,)), order=shuffled(cr.Binary((6,)), seed=3)),
    "user model, float64": lambda: UserModel(cr.Binary((4,))).double(),
    "user model, bfloat16": lambda: UserModel(cr.Binary((4,))).bfloat16(),
    "made, float64": lambda: cr.MADE(cr.Binary((4,)), hidden=(3,)).double(),
    "pixelcnn, channels last": lambda: cr.PixelCNN(cr.Binary((1, 3, 3)), 1, 4).to(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("make", [*ZOO.values(), *USER_MODELS.values()], ids=[*ZOO, *USER_MODELS])
def test_every_model_comes_back_bit_for_bit(make, tmp_path):
    model = make().eval()
    x = random_data(model, 5, seed=0)
    cr.save(model, tmp_path / "model")
    again = cr.load(tmp_path / "model")
    assert type(again) is type(model)
    assert bits_of(again) == bits_of(model)
    assert torch.equal(again.log_prob(x), model.log_prob(x))
    assert again.order == model.order
    assert not again.training
    cr.save(again, tmp_path / "again")
    assert (tmp_path / "again" / "config.json").read_bytes() == (tmp_path / "model" / "config.json").read_bytes()
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"config.json", "model.safetensors"}


def bits_of(model) -> dict[str, tuple[torch.dtype, bytes]]:
    state = model.state_dict().items()
    return {name: (each.dtype, each.flatten().contiguous().view(torch.uint8).numpy().tobytes()) for name, each in state}


def test_tied_weights_stay_tied(tmp_path):
    cr.save(UserModel(cr.Binary((4,))), tmp_path / "model")
    again = cr.load(tmp_path / "model")
    assert again.tied is again.bias


@pytest.fixture
def saved(tmp_path) -> Path:
    cr.save(cr.MADE(cr.Binary((2, 2)), hidden=(3,)), tmp_path / "model")
    return tmp_path / "model"


def refusal(path) -> str:
    with pytest.raises(cr.ChainruleError) as error:
        cr.load(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


# Writing.


def test_saving_does_not_overwrite(saved):
    before = file_contents(saved.parent)
    for path in (saved, saved / "config.json"):
        with pytest.raises(cr.ChainruleError, match="exists and would be overwritten; choose another name"):
            cr.save(UserModel(cr.Binary((2,))), path)
    assert file_contents(saved.parent) == before
    (saved.parent / "empty").mkdir()
    cr.save(UserModel(cr.Binary((2,))), saved.parent / "empty")
    assert weight_bytes(cr.load(saved.parent / "empty")) == weight_bytes(UserModel(cr.Binary((2,))))


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_failed_save_leaves_no_files(at, tmp_path, monkeypatch):
    replace, calls = os.replace, []

    def failing(*paths):
        calls.append(paths)
        if len(calls) == at:
            raise OSError(28, "No space left on device")
        replace(*paths)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(cr.ChainruleError, match=r"cannot be written \(No space left on device\)"):
        cr.save(UserModel(cr.Binary((2,))), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    def full(*_):
        raise chainrule.checkpoint.SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr("chainrule.checkpoint.as_bytes", full)
    with pytest.raises(cr.ChainruleError, match=r"cannot be written \(I/O error: No space left on device\)"):
        cr.save(UserModel(cr.Binary((2,))), tmp_path / "model")
    assert not list(tmp_path.iterdir())


class Forgetful(UserModel):
    """A model that does not keep its argument as an attribute."""

    def __init__(self, domain, width=3):
        super().__init__(domain)


class Loose(UserModel):
    """A model that does not name its arguments."""

    def __init__(self, domain, **arguments):
        super().__init__(domain, **arguments)


UNSAVABLE = {
    "a function": (
        lambda: UserModel(cr.Binary((2,)), more=len),
        "UserModel cannot be saved: an argument .* is no JSON value .*builtin",
    ),
    "a tensor": (lambda: UserModel(cr.Binary((2,)), more=torch.ones(2)), "Object of type Tensor is not JSON"),
    "a circle": (lambda: UserModel(cr.Binary((2,)), more=circle()), "Circular reference"),
    "an argument not kept": (
        lambda: Forgetful(cr.Binary((2,))),
        "Forgetful cannot be saved: the constructor of Forgetful does not keep its argument width as an attribute; "
        "set self.width = width",
    ),
    "arguments without names": (
        lambda: Loose(cr.Binary((2,))),
        "Loose cannot be saved: the constructor of Loose must name each of its arguments",
    ),
}


def circle() -> dict:
    ring: dict = {}
    ring["ring"] = ring
    return ring


@pytest.mark.parametrize(("make", "message"), UNSAVABLE.values(), ids=UNSAVABLE)
def test_a_model_that_cannot_be_saved_is_refused_before_training(make, message, tmp_path):
    model = make()
    with pytest.raises(cr.ChainruleError, match=message) as error:
        cr.save(model, tmp_path / "model")
    with pytest.raises(cr.ChainruleError, match=message):
        cr.fit(model, torch.ones(3, 2), out=tmp_path / "run", progress=False)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapped_model_is_refused(wrap, tmp_path):
    wrapped = wrap(cr.MADE(cr.Binary((2,))))
    with pytest.raises(cr.ChainruleError) as error:
        cr.save(wrapped, tmp_path / "model")
    assert str(error.value).startswith(
        f"save takes the MADE itself, not the {type(wrapped).__name__} around it; give the"
    )
    assert not list(tmp_path.iterdir())


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(cr.ChainruleError, match="a model of chainrule is needed, and a Linear is none"):
        cr.save(nn.Linear(2, 2), tmp_path / "model")


# Reading: folders.


def test_a_folder_without_a_model_is_refused(tmp_path, saved):
    for path in (tmp_path, tmp_path / "nowhere", saved / "config.json", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        assert "is not a model or run folder: it has no config.json" in refusal(path)
    shutil.move(saved / "config.json", saved / "config.txt")
    assert "is not a model or run folder: it has no config.json" in refusal(saved)


def test_a_run_without_weights_is_refused(saved):
    (saved / "model.safetensors").unlink()
    assert "model.safetensors is missing; training writes it after its first epoch" in refusal(saved)


def test_a_folder_in_place_of_the_weights_is_refused(saved):
    (saved / "model.safetensors").unlink()
    (saved / "model.safetensors").mkdir()
    assert "model.safetensors is damaged" in refusal(saved)


# Reading: config.json.

CONFIGS = {
    "nothing": (b"", "config.json is damaged (Expecting value"),
    "cut short": (b'{"format": 1, "mod', "config.json is damaged (Unterminated string"),
    "no text": (b"\xff\xfe\x00", "config.json is damaged ('utf-8' codec can't decode"),
    "a list": (b"[]", "config.json is damaged: it does not hold a JSON object"),
    "a number": (b"3", "config.json is damaged: it does not hold a JSON object"),
    "too deep": (b"[" * 100_000, "config.json is damaged (maximum recursion depth"),
    "no format": (b"{}", "config.json is damaged: it names no format"),
    "format 0": (b'{"format": 0}', "config.json is damaged: it names no format"),
    "format true": (b'{"format": true}', "config.json is damaged: it names no format"),
    "format in words": (b'{"format": "1"}', "config.json is damaged: it names no format"),
    "a newer format": (
        b'{"format": 2}',
        "config.json has format 2, newer than 1, the newest known here; update chainrule",
    ),
    "no model": (b'{"format": 1}', "do not belong together"),
    "a model of nothing": (b'{"format": 1, "model": null}', "do not belong together"),
    "a model of another kind": (b'{"format": 1, "model": [1, 2]}', "do not belong together"),
}


@pytest.mark.parametrize(("config", "message"), CONFIGS.values(), ids=CONFIGS)
def test_a_bad_config_is_refused(config, message, saved):
    (saved / "config.json").write_bytes(config)
    assert message in refusal(saved)


WEIRD = [None, True, -1, 0, 3, 1.5, 10**30, float("nan"), "", "Levels", "x" * 99, [], [-1], [[1]], ["a"], [10**30], {}]


def json_paths(value, path=()):
    """Yield the path to each value in nested JSON objects."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from json_paths(each, (*path, key))


def edited(config, path, value):
    config = json.loads(json.dumps(config))
    within = config
    for key in path[:-1]:
        within = within[key]
    within[path[-1]] = value
    return config


def each_edit(config):
    for path in json_paths(config["model"], ("model",)):
        for value in WEIRD:
            other = edited(config, path, value)
            endless = path[-1:] == ("blocks",) and value == 10**30
            if other != config and not endless:
                yield other


EDITED = {
    "made": lambda: cr.MADE(cr.Levels((2, 2), 3), hidden=(3,)),
    "pixelcnn": lambda: cr.PixelCNN(cr.Binary((1, 2, 2)), 1, 3),
}


@pytest.mark.parametrize("make", EDITED.values(), ids=EDITED)
def test_every_edit_of_the_config_is_noticed(make, tmp_path):
    cr.save(make(), tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    edits = list(each_edit(json.loads(path.read_text())))
    for other in edits:
        path.write_text(json.dumps(other))
        assert "do not belong together (one was edited or replaced); restore both" in refusal(path.parent)
    assert len(edits) > 100


@pytest.mark.parametrize("make", EDITED.values(), ids=EDITED)
def test_an_impossible_config_is_refused(make, tmp_path):
    """Even where the digest of the weights fits it."""
    folder = tmp_path / "model"
    cr.save(make(), folder)
    tensors, _ = read_tensors(folder / "model.safetensors")
    refused = 0
    for other in each_edit(json.loads((folder / "config.json").read_text())):
        (folder / "config.json").write_text(json.dumps(other))
        write_tensors(folder / "model.safetensors", tensors, {"model": digest(other["model"])})
        try:
            cr.load(folder)  # with another seed, say, it is a model
        except cr.ChainruleError:
            words = "does not describe|does not fit the model|is of class|it describes no model"
            assert re.search(words, refusal(folder))
            refused += 1
    assert refused > 80


def test_an_unknown_class_is_refused_with_the_remedy(saved):
    config = json.loads((saved / "config.json").read_text())
    for name in ("Unheard", "AutoregressiveModel", "os.system"):
        config["model"]["class"] = name
        tensors, _ = read_tensors(saved / "model.safetensors")
        write_tensors(saved / "model.safetensors", tensors, {"model": digest(config["model"])})
        (saved / "config.json").write_text(json.dumps(config))
        message = refusal(saved)
        assert (
            f"is of class {name}, which is not known here; import the module that defines it before cr.load" in message
        )
        assert message.endswith("or name the module to the command with --import")


# Reading: weights.


def test_weights_of_another_model_are_refused(saved, tmp_path):
    cr.save(cr.MADE(cr.Binary((2, 2)), hidden=(3,), seed=1), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", saved)
    assert "do not belong together (one was edited or replaced); restore both" in refusal(saved)


def test_weights_of_other_shapes_are_refused(saved):
    tensors, metadata = read_tensors(saved / "model.safetensors")
    for name, tensor in tensors.items():
        write_tensors(saved / "model.safetensors", {**tensors, name: tensor[:0]}, metadata)
        assert f"does not fit the model: {name} has shape" in refusal(saved)
        write_tensors(saved / "model.safetensors", {k: v for k, v in tensors.items() if k != name}, metadata)
        assert f"does not fit the model: {name} has shape None" in refusal(saved)
    write_tensors(saved / "model.safetensors", {**tensors, "more": torch.ones(1)}, metadata)
    assert "does not fit the model: more has shape (1,), not None" in refusal(saved)


def test_every_changed_byte_of_the_weights_is_noticed(saved):
    path = saved / "model.safetensors"
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        refusal(saved)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, -200, -9, -1])
def test_truncated_weights_are_refused(length, saved):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    assert "model.safetensors is damaged" in refusal(saved)


def test_weights_with_extra_bytes_are_refused(saved):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"more")
    assert "model.safetensors is damaged" in refusal(saved)


class Bomb:
    """Fails the test when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


@pytest.mark.parametrize(
    "write", [lambda path: path.write_bytes(pickle.dumps(Bomb())), lambda path: torch.save(Bomb(), path)]
)
def test_nothing_is_unpickled(write, saved):
    for name in ("model.safetensors", "config.json"):
        write(saved / name)
        assert f"{name} is damaged" in refusal(saved)


def test_no_file_holds_a_pickle_and_no_code_reads_one(saved):
    for path in saved.iterdir():
        with pytest.raises(Exception, match=r".*"):
            pickle.loads(path.read_bytes())
    sources = [path.read_text(encoding="utf-8") for path in Path(chainrule.__file__).parent.rglob("*.py")]
    assert not [
        word for source in sources for word in re.findall(r"import pickle|torch\.load\b|torch\.save\b|joblib", source)
    ]
    assert not [word for source in sources for word in re.findall(r"allow_pickle=True|np\.load\(", source)]
