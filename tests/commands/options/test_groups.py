"""Options that are declared without torch: their names, types and defaults are those of the library."""

from __future__ import annotations

import inspect
import typing
from dataclasses import fields

import pytest

from chainrule.commands.options.declare import Option
from chainrule.commands.options.groups import COLUMNS, PREPARATION, TRAINING, Split
from chainrule.commands.runs import SPLITS
from chainrule.data import load_data
from chainrule.inference import PARTICLES
from chainrule.training import Settings
from tests.support.terminal import parse


def test_the_options_of_training_are_the_settings_but_the_seed():
    defaults = {field.name: field.default for field in fields(Settings) if field.name != "seed"}
    assert {option.name: option.default for option in TRAINING} == defaults


def test_the_options_of_data_are_those_of_load_data():
    defaults = {name: each.default for name, each in inspect.signature(load_data).parameters.items()}
    wanted = {name: default for name, default in defaults.items() if name not in ("source", "seed", "domain")}
    assert {option.name: option.default for option in (*PREPARATION, *COLUMNS)} == wanted


@pytest.mark.parametrize("option", [*TRAINING, *PREPARATION], ids=lambda option: option.name)
def test_the_types_are_those_of_the_library(option: Option):
    source = Settings if option in TRAINING else load_data
    assert option.type == typing.get_type_hints(source)[option.name]


def test_the_splits_are_those_of_runs():
    assert typing.get_args(Split) == SPLITS


def test_the_default_number_of_particles_is_that_of_the_library():
    for words in ("complete run --data x --out y", "impute run --data x --out y"):
        assert parse(words).particles == PARTICLES
