"""Tests of the speed benchmark: plain PyTorch and chainrule do the same work, and results can be shown."""

from __future__ import annotations

import json
from functools import partial

import pytest

import chainrule as cr
from tests.support.scripts import load_script

speed = load_script("benchmarks/speed.py")
speed_runs = load_script("benchmarks/speed_runs.py")
speed_checks = load_script("benchmarks/speed_checks.py")
speed_tables = load_script("benchmarks/speed_tables.py")
timing = load_script("benchmarks/timing.py")

IMAGES = cr.Binary((1, 6, 5))
COLOUR = cr.Levels((3, 5, 4), 9)
MODELS = {
    "pixelcnn": partial(cr.PixelCNN, IMAGES, blocks=2, features=4),
    "colour": partial(cr.PixelCNN, COLOUR, blocks=2, features=6),
    "made": partial(cr.MADE, IMAGES, hidden=(12, 12)),
    "row": partial(cr.PixelRNN, IMAGES, "row", layers=2, features=4),
    "diagonal": partial(cr.PixelRNN, IMAGES, "diagonal", layers=2, features=4),
    "full context": partial(cr.PixelRNN, COLOUR, "diagonal", layers=2, features=6, full_context=True, skip=True),
}
AGNOSTIC = partial(cr.MADE, IMAGES, hidden=(12,), agnostic="both")


def make_case(make, baseline="naive loop", n=3, **targets):
    return speed.Case("name", "a model", make, n, baseline, **targets)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_plain_model_is_the_same_function_and_draws_the_same_images(make):
    case = make_case(make)
    speed_checks.check_log_prob(case)
    samples = speed_runs.chainrule_sampling(case)()
    assert speed_checks.count_flipped_sites(case, samples) == 0
    assert (speed_runs.plain_sampling(case)() == samples).all()


def test_other_images_are_refused():
    case = make_case(MODELS["made"])
    with pytest.raises(AssertionError, match="plain PyTorch draws other values"):
        speed_checks.count_flipped_sites(case, 1 - speed_runs.chainrule_sampling(case)())


@pytest.mark.parametrize("make", [MODELS["pixelcnn"], AGNOSTIC], ids=["pixelcnn", "made"])
def test_training_steps_run(make):
    plain, fast = speed.PROGRAMS["training step"]
    case = make_case(make, "training step", precision="float32")
    assert plain(case)() is None
    assert fast(case)() == "float32"


def test_multiply_adds_count_open_weights_alone():
    model = cr.PixelCNN(cr.Binary((1, 2, 3)), blocks=0, features=1)
    once = 2 * 24 + 2 * 2 + 2  # mask A of 7×7 to 2 features, 1×1 to 2, 1×1 to 1 logit
    assert speed.count_multiply_adds(model, is_training=False) == 6 * once
    assert speed.count_multiply_adds(model, is_training=True) == 6 * (3 * once - 48)


def test_results_are_written_printed_and_drawn(capsys):
    rows = [
        speed.Row(make_case(MODELS["made"], target=2), {"plain": [4.0, 6.0], "chainrule": [0.1]}, 0, 1),
        speed.Row(make_case(MODELS["pixelcnn"], "one pass", target=3), {"plain": [1.0], "chainrule": [4.0]}, 0),
    ]
    growth = [speed.Growth(f"{side}×{side}", side**2, side / 10, 1000, side**2 / 10) for side in (14, 28)]
    results = speed.Results(timing.describe_machine(), rows, speed.compute_rates(rows[1]), growth)
    facts = json.loads(json.dumps(results.to_json()))
    assert [(row["ratio"], row["met"]) for row in facts["rows"]] == [(50.0, True), (4.0, False)]
    speed_tables.print_results(results)
    printed = capsys.readouterr().out
    assert "2 of 3 images are equal" in printed
    assert "pixels to the power 0.50, the naive loop's to 1.00" in printed
    assert len(speed.speed_figure(results).axes) == 2
