"""Models of the user's own at the command line: MODULE:CLASS, --import, and what can be wrong with them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.commands.options.train import MODELS
from chainrule.models import Density
from tests.support.terminal import commands

MODULE = '''
import torch
from torch import nn

import chainrule as cr
from chainrule.domains import raster


class GRUDensity(cr.AutoregressiveModel):
    """A recurrent network along the order.

    Args:
        features: the size of the state.
        act: the activation.
    """

    def __init__(self, domain, features=4, gated: bool = True, act: nn.Module | None = None, seed=0):
        super().__init__()
        self.domain, self.features, self.gated, self.act, self.seed = domain, features, gated, act, seed
        self.order = raster(domain)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.rnn = (nn.GRU if gated else nn.RNN)(1, features, batch_first=True)
            self.head = nn.Linear(features, domain.outputs_per_site)

    def conditionals(self, x):
        x = self.encode(x).flatten(1)[:, self.order.sites]
        before = nn.functional.pad(x, (1, -1))
        states, _ = self.rnn(before.unsqueeze(-1))
        outputs = self.head(states)[:, self.order.rank]
        return self.domain.conditionals(outputs.view(len(x), *self.domain.shape, -1))


class Unseeded(GRUDensity):
    """A model without an argument for the seed, and with one that must be given."""

    def __init__(self, domain, features: int):
        super().__init__(domain, features)

    @property
    def arguments(self):
        return {"domain": self.domain, "features": self.features}


class Unfinished(cr.AutoregressiveModel):
    pass


number = 3
'''
SIZE = ["--epochs", "1", "--data", "x.npz"]


@pytest.fixture
def cli(tmp_path, capsys, monkeypatch):
    """Run commands in a folder with data and a module that no test has imported before."""
    bits = np.random.default_rng(0).integers(0, 2, (30, 2, 3), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", train=bits[:20], valid=bits[20:25], test=bits[25:])
    (tmp_path / "mine_for_train.py").write_text(MODULE)
    (tmp_path / "broken_for_train.py").write_text("raise RuntimeError('two\\nlines')\n")
    forget(monkeypatch)
    path = list(sys.path)
    yield commands(tmp_path, capsys, monkeypatch)
    assert sys.path == path


def forget(monkeypatch) -> None:
    """Forget the user's module and its classes, as a new process does."""
    monkeypatch.delitem(sys.modules, "mine_for_train", raising=False)
    for name in ("GRUDensity", "Unseeded", "Unfinished"):
        monkeypatch.delitem(Density.classes, name, raising=False)


@pytest.mark.parametrize("model", [["mine_for_train:GRUDensity"], ["GRUDensity", "--import", "mine_for_train"]])
def test_a_model_of_a_module_is_trained_with_its_own_options(model, cli, tmp_path):
    status, out, err = cli("train", *model, *SIZE, "--out", "run", "--model.features", "3", "--seed", "5")
    assert status == 0, err
    assert "GRUDensity, " in out
    arguments = json.loads((tmp_path / "run" / "config.json").read_text())["model"]
    assert (arguments["features"], arguments["gated"], arguments["seed"]) == (3, True, 5)


def test_the_help_has_the_options_of_the_class(cli):
    status, out, _ = cli("train", "mine_for_train:GRUDensity", "--help")
    assert status == 0
    assert "options of mine_for_train:GRUDensity:" in out
    assert "  --model.features INT  The size of the state. Default: 4." in out
    assert "--model.gated true|false" in out
    assert "--model.act" not in out  # an activation cannot be given as text


def test_a_required_argument_must_be_given_and_a_seed_need_not_be_there(cli):
    model = ["train", "mine_for_train:Unseeded", *SIZE, "--out", "run"]
    status, _, err = cli(*model)
    assert (status, err) == (2, "chainrule: error: --model.features must be given; chainrule train "
                            "mine_for_train:Unseeded --help lists the options\n")  # fmt: skip
    assert cli(*model, "--model.features", "2")[0] == 0


def test_every_command_imports_the_module_before_it_loads_the_run(cli, monkeypatch):
    assert cli("train", "mine_for_train:GRUDensity", *SIZE, "--out", "run")[0] == 0
    for words in (
        "evaluate run --data x.npz",
        "score run --data x.npz",
        "sample run -n 2 --out s.npz",
        "complete run --data x.npz --keep top -n 1 --out c.npz",
        "inspect run --json",
        "check run",
    ):
        forget(monkeypatch)
        status, _, err = cli(*words.split())
        assert (status, err) == (
            2,
            "chainrule: error: run holds a model of class GRUDensity; import the module that defines it: --import "
            "MODULE\n",
        )
        status, _, err = cli(*words.split(), "--import", "mine_for_train")
        assert status == 0, err


def test_a_run_of_an_own_model_is_resumed(cli, monkeypatch):
    words = ["train", "mine_for_train:GRUDensity", *SIZE, "--out", "run"]
    assert cli(*words)[0] == 0
    forget(monkeypatch)
    assert cli(*words, "--resume")[0] == 0


def test_impute_imports_the_module_too(cli):
    cr.save(cr.MADE(cr.Binary((2,))), "rows")
    status, _, err = cli("impute", "rows", "--data", "x.csv", "--out", "y.csv", "--import", "broken_for_train")
    assert (status, "broken_for_train cannot be imported: RuntimeError: two lines" in err) == (2, True)


WRONG = {
    "mine_for_train:GRUDensty": "mine_for_train.py has no 'GRUDensty'; name a class of it, as in my_module:MyModel",
    "mine_for_train:number": "mine_for_train:number is not a class of models; derive it from "
    "chainrule.AutoregressiveModel",
    "mine_for_train:Unfinished": "mine_for_train:Unfinished has no method conditionals, which every model needs",
    "no_such_module:Model": "no_such_module cannot be imported: ModuleNotFoundError: No module named 'no_such_module'; "
    "give a module of this folder, by its name without .py",
    "broken_for_train:Model": "broken_for_train cannot be imported: RuntimeError: two lines (broken_for_train.py, line "
    "1); mend that",
    "made --import broken_for_train": "broken_for_train cannot be imported: RuntimeError",
    "GRUDensty --import mine_for_train": "there is no model 'GRUDensty'; did you mean 'GRUDensity'?",
    "GRUDensity": f"there is no model 'GRUDensity'; there are {', '.join(MODELS)}",
    "Unfinished --import mine_for_train": "there is no model 'Unfinished'",
    "mine_for_train:GRUDensity --model.features x": "--model.features must be a whole number, not 'x'",
    "mine_for_train:GRUDensity --model.feature 3": "there is no option '--model.feature'; did you mean "
    "'--model.features'?",
    "mine_for_train:GRUDensity --model.features -1": "mine_for_train:GRUDensity does not take these options (",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_one_line(words, cli, tmp_path):
    status, out, err = cli("train", *words.split(), *SIZE, "--out", "run")
    assert (status, out) == (2, "")
    assert err.startswith("chainrule: error: ")
    assert err.count("\n") == 1
    assert WRONG[words] in err
    assert not (tmp_path / "run").exists()
