"""The default arguments and settings of the compared families."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.reports.compare import COMPARED, FAMILIES
from chainrule.reports.compare.model_families import BASELINE_SETTINGS, made_arguments, names_for, settings_for
from chainrule.training import Settings


@pytest.mark.parametrize(
    ("domain", "hidden", "direct"),
    [
        (cr.Binary((1, 8, 8)), 500, True),
        (cr.Levels((1, 8, 8), 17), 500, True),
        (cr.Binary((1, 28, 28)), 500, True),
        (cr.Levels((1, 28, 28), 256), 166, False),
        (cr.Levels((3, 32, 32), 256), 42, False),
    ],
)
def test_the_default_made_is_as_wide_as_its_weights_allow(domain, hidden, direct):
    assert made_arguments(domain) == {"hidden": (hidden,), "direct_connections": direct}


def test_default_arguments_make_a_model():
    domain = cr.Binary((1, 4, 4))
    for family in FAMILIES.values():
        assert family.make(domain, family.arguments(domain, {}), seed=0).domain == domain


def test_small_images_have_fewer_layers():
    small, large = cr.Binary((1, 16, 16)), cr.Binary((1, 16, 17))
    for name, word in {"pixelcnn": "blocks", "row-lstm": "layers", "diagonal-bilstm": "layers"}.items():
        family = FAMILIES[name]
        assert (family.default_arguments(small)[word], family.default_arguments(large)[word]) == (3, 7)


def test_chosen_settings_replace_defaults_but_not_those_of_the_baseline():
    chosen = {"lr": 0.5, "batch_size": 7, "patience": 2}
    assert settings_for("made", chosen) == {**chosen, "warmup": 50, "weight_decay": 0.1}
    assert settings_for("independent", chosen) == {**settings_for("made", chosen), **BASELINE_SETTINGS}
    for name in FAMILIES:
        Settings(**{**settings_for(name, {}), "updates": 1})


def test_arguments_that_differ_between_domains_have_a_description():
    for family in FAMILIES.values():
        small = family.default_arguments(cr.Binary((1, 8, 8)))
        large = family.default_arguments(cr.Levels((3, 32, 32), 256))
        assert set(family.varying) == {name for name in small if small[name] != large[name]}
        assert family.described_arguments == {**small, **family.varying}


def test_models_keep_their_usual_order():
    domain = cr.Binary((1, 2, 2))
    assert names_for(domain, None) == COMPARED
    assert names_for(domain, ["row-lstm", "made"]) == ("made", "row-lstm")
    assert names_for(cr.Binary((4,)), None) == ("made",)
