"""The help of each command: its layout, and that it is quick."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from chainrule.cli import COMMANDS, main
from chainrule.commands.options.train import MODELS
from chainrule.models import BY_NAME

NEED_MODELS = ("compare",)
"""Commands whose help shows the options of models, and so needs torch."""
HELP = [[], *([name] for name in COMMANDS), *(["train", model] for model in MODELS)]


@pytest.fixture
def help_of(capsys, monkeypatch):
    """Return the help of a command, as a terminal of that width shows it."""

    def run(words: list[str], columns: int = 80) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main([*words, "--help"]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


@pytest.mark.parametrize("words", HELP, ids=lambda words: " ".join(words) or "overview")
@pytest.mark.parametrize("columns", [80, 120])
def test_help_fits_the_terminal(words, columns, help_of):
    assert max(map(len, help_of(words, columns).splitlines())) <= columns


@pytest.mark.parametrize("words", HELP[1:], ids=" ".join)
def test_help_is_in_words(words, help_of):
    text = help_of(words)
    for jargon in (
        "(type:",
        "null",
        "Optional[",
        "Literal[",
        "Mapping",
        "Sequence",
        " | null",
        "Namespace",
        "==SUPPRESS==",
    ):
        assert jargon not in text


@pytest.mark.parametrize("words", HELP[1:], ids=" ".join)
def test_help_has_a_short_usage_groups_and_examples(words, help_of):
    text = help_of(words)
    assert text.startswith(f"usage: chainrule {words[0]} ")
    assert len(text.split("\n\n")[0].splitlines()) <= 2
    assert len(re.findall(r"^[a-z].*:$", text, re.MULTILINE)) >= 3
    examples = text.partition("\nexamples:\n")[2].splitlines()
    assert examples
    assert all(example.startswith(f"  chainrule {words[0]}") for example in examples)


@pytest.mark.parametrize("words", HELP[1:], ids=" ".join)
def test_every_option_is_explained_in_sentences(words, help_of):
    options = re.split(r"\n  (?=-|[A-Z]+ )", help_of(words).partition("\nexamples:")[0])[1:]
    for option in options:
        text = " ".join(option.partition("\n\n")[0].split())
        assert text.endswith("."), text


def test_help_names_every_model():
    assert tuple(BY_NAME) == MODELS


def test_the_help_of_a_model_has_its_options(help_of):
    assert "--model.position-bias true|false" in help_of(["train", "pixelcnn"])
    assert "--model.hidden" not in help_of(["train", "pixelcnn"])
    assert "--model.hidden [INT,...]" in help_of(["train", "--out", "pixelcnn", "made"])
    assert "--model.order top|bottom|left|right" in help_of(["train", "row-lstm"])


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NEED_MODELS])
def test_help_does_not_import_torch(name):
    code = (
        f"import sys; from chainrule.cli import main; main(['{name}', '--help']); "
        "print(sorted({'torch', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.endswith("\n[]\n")
