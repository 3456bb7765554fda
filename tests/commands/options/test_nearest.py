"""Misspelled commands, models and options: one line names the nearest one, with exit status 2."""

from __future__ import annotations

import pytest

from chainrule.cli import main
from chainrule.commands.options.nearest import nearest
from chainrule.commands.options.train import MODELS

MISSPELLED = {
    "trian made": "there is no command 'trian'; did you mean 'train'?",
    "evalute": "there is no command 'evalute'; did you mean 'evaluate'?",
    "train mode --data digits --out x": "there is no model 'mode'; did you mean 'made'?",
    "train pixel-cnn --data digits --out x": "there is no model 'pixel-cnn'; did you mean 'pixelcnn'?",
    "train made --data digits --out x --epoch 3": "there is no option '--epoch'; did you mean '--epochs'?",
    "train made --data digits --out x --batch_sise=3": "there is no option '--batch_sise'; "
    "did you mean '--batch-size'?",
    "train made --data digits --out x --model.hiden [3]": "there is no option '--model.hiden'; did you mean "
    "'--model.hidden'?",
    "sample run --out x.png --temprature 1": "there is no option '--temprature'; did you mean '--temperature'?",
    "compare --data digits --out x --made.hiden [3]": "there is no option '--made.hiden'; did you mean "
    "'--made.hidden'?",
}  # fmt: skip
UNLIKE_ALL = {
    "nonsense": "there is no command 'nonsense'; there are demo, explain, train, ",
    "train xyz --data digits --out x": f"there is no model 'xyz'; there are {', '.join(MODELS)}",
    "train pixelcnn --data digits --out x --model.hidden [3]": "there is no option '--model.hidden'; chainrule train "
    "pixelcnn --help lists the options",
    "train made --data digits --out x --zzz": "there is no option '--zzz'; chainrule train made --help lists",
    "sample run other --out x": "unexpected argument 'other'; chainrule sample --help lists the options",
}


@pytest.mark.parametrize("words", MISSPELLED)
def test_the_nearest_name_is_suggested(words, capsys):
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"chainrule: error: {MISSPELLED[words]}\n")


@pytest.mark.parametrize("words", UNLIKE_ALL)
def test_without_a_near_name_the_names_are_listed(words, capsys):
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"chainrule: error: {UNLIKE_ALL[words]}")
    assert printed.err.count("\n") == 1


def test_names_with_a_prefix_are_compared_without_it():
    assert nearest("--model.hidden", ["--model.blocks", "--hidden"]) is None
    assert nearest("--model.skp", ["--model.skip", "--skip"]) == "--model.skip"
