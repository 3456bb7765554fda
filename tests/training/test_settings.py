"""Settings: their defaults and documentation, shared with `fit`, and the schedules that follow from them."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest
from docstring_parser import parse

import chainrule as cr
from chainrule.training import Settings, as_settings

FIT = inspect.signature(cr.fit).parameters
OTHERS = ("model", "train", "valid", "out", "resume", "progress")
"""The arguments of `fit` that are no settings."""


def test_fit_takes_every_setting_with_its_type_and_default():
    settings = {name: (each.annotation, each.default) for name, each in FIT.items() if name not in OTHERS}
    assert settings == {field.name: (field.type, field.default) for field in fields(Settings)}
    assert list(settings) == [field.name for field in fields(Settings)]


def test_all_arguments_after_the_data_are_keyword_only():
    keyword_only = [name for name, each in FIT.items() if each.kind is inspect.Parameter.KEYWORD_ONLY]
    assert keyword_only == list(FIT)[3:]


def test_fit_documents_every_setting_as_the_settings_do():
    documented = {each.arg_name: each.description for each in parse(inspect.getdoc(cr.fit)).params}
    assert list(documented) == list(FIT)
    of_settings = {each.arg_name: each.description for each in parse(inspect.getdoc(Settings)).params}
    assert of_settings == {name: text for name, text in documented.items() if name not in OTHERS}


def test_epochs_are_20_unless_updates_are_given():
    assert (Settings().epochs, Settings().updates) == (20, None)
    assert (Settings(updates=3).epochs, Settings(updates=3).updates) == (None, 3)
    assert Settings(updates=3).total_updates(5) == 3
    assert Settings(epochs=2).total_updates(5) == 10


def test_the_warmup_takes_at_most_half_of_the_updates():
    settings = Settings(warmup=100, lr=1.0, schedule="constant")
    assert [settings.lr_at(update, 6) for update in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert settings.lr_at(49, 10**4) == pytest.approx(50 / 101)


def test_settings_are_made_of_a_mapping_of_known_names():
    assert as_settings({"lr": 0.5, "epochs": None}) == Settings(lr=0.5)
    message = "there is no training setting 'learning_rate'; there are epochs, batch_size, "
    with pytest.raises(cr.ChainruleError, match=message):
        as_settings({"learning_rate": 1})
