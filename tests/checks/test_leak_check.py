"""Run `check_leak` on common faults: it finds each pair and no other, and passes correct models."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import chainrule as cr
from chainrule.checks import LAYOUTS, ORDERS, SCALES, measure_dependence
from chainrule.checks.leak_check import NUM_DRAWS
from chainrule.domains import Binary, Levels, raster, shuffled
from chainrule.models import MADE, Independent, PixelCNN
from tests.support.planted_leaks import (
    CK,
    CORRECT_MODELS,
    GRAY,
    LEAKY_MODELS,
    LEVELS,
    RGB,
    Residual,
    build,
    expected_leaks,
    expected_pairs,
    half_above,
    mask_a,
    masked_stack,
    run_check,
)


@pytest.mark.parametrize("name", LEAKY_MODELS)
def test_a_planted_leak_is_found_with_every_pair_and_no_other(name):
    make, shape, depends_on = LEAKY_MODELS[name]
    report = run_check(build(make), shape)
    assert not report.passed
    assert set(report.leaks) == expected_leaks(shape, depends_on)
    assert {tuple(pair) for pair in report.dependence.matrix.nonzero().tolist()} == expected_pairs(shape, depends_on)
    assert str(report).startswith(f"{type(make()).__name__} leaks: {len(report.leaks_by_output)} of its ")
    assert report.largest_change > 1e-4


@pytest.mark.parametrize("name", CORRECT_MODELS)
def test_a_correct_model_passes_and_its_dependence_is_reported(name):
    make, shape, depends_on = CORRECT_MODELS[name]
    report = run_check(build(make), shape)
    assert report.passed
    assert report.leaks == ()
    assert {tuple(pair) for pair in report.dependence.matrix.nonzero().tolist()} == expected_pairs(shape, depends_on)
    sites = report.domain.sites
    assert report.past_coverage == pytest.approx(len(expected_pairs(shape, depends_on)) / (sites * (sites - 1) / 2))
    assert "does not leak" in str(report)


@pytest.mark.parametrize(
    ("name", "order"), [("colours in the order B, G, R", "raster-bgr"), ("column by column", "columns")]
)
def test_the_report_names_an_order_without_leaks(name, order):
    make, shape, _ = LEAKY_MODELS[name]
    report = run_check(build(make), shape)
    assert report.clean_orders == (order,)
    assert f"nothing leaks with order {order!r}" in str(report)
    assert run_check(build(make), shape, order=order).passed
    assert run_check(build(make), shape, order=run_check(build(make), shape, order=order).order).passed


def test_the_text_names_sites_offsets_and_colours():
    text = str(run_check(build(LEAKY_MODELS["residual from a branch without a mask"][0]), RGB))
    assert "the output of row 0, column 0, R depends on row 0, column 0, R\n" in text
    assert "pairs by (rows down, columns right): 72 at (0, 0)\n" in text
    assert "within a pixel: R depends on R, G, B; G depends on G, B; B depends on B\n" in text
    gray = str(run_check(build(LEAKY_MODELS["padding reads the row below"][0]), GRAY))
    assert "15 at (+1, 0), 12 at (+1, -1), 12 at (+1, +1)" in gray


def test_leaks_are_counted_by_channel_of_output_and_input():
    report = run_check(build(LEAKY_MODELS["output head without a mask"][0]), RGB)
    assert report.leaks_by_channel.tolist() == [[12, 12, 0], [0, 12, 0], [0, 0, 0]]
    assert report.leaks_by_offset == {(0, 0): 36}


def test_earlier_sites_that_are_not_used_are_reported():
    report = run_check(build(lambda: masked_stack(GRAY, half_above)), GRAY)
    assert report.past_coverage_by_offset[-1, 1] == 0
    assert report.past_coverage_by_offset[-1, 0] == report.past_coverage_by_offset[0, -1] == 1
    assert "not used, within 2 rows and columns: (-1, +1), (-2, 0)" in str(report)


def test_the_report_names_a_layout_without_leaks():
    model = build(lambda: masked_stack(RGB, mask_a))
    report = run_check(model, RGB, layout="n,kc,h,w")
    assert not report.passed
    assert report.clean_layouts == (CK,)
    assert "nothing leaks with layout 'n,ck,h,w'" in str(report)
    # Number m of the axis is read as channel m % 3, and was made as channel m // 4.
    worst = {c: max(m // LEVELS for m in range(3 * LEVELS) if m % 3 == c) for c in range(3)}
    wanted = {(c, of) for c in range(3) for of in range(3) if c <= of < worst[c]}
    assert {tuple(pair) for pair in report.leaks_by_channel.nonzero().tolist()} == wanted


def to_layout(logits, layout):
    """Return logits [n, C, H, W, K] in a layout, without the code under test."""
    parts = logits.movedim(-1, 2), logits.movedim(-1, 1)
    return {
        "n,kc,h,w": parts[1].flatten(1, 2), "n,ck,h,w": parts[0].flatten(1, 2), "n,c,k,h,w": parts[0],
        "n,k,c,h,w": parts[1], "n,c,h,w,k": logits, "n,c,h,w": logits[..., 0],
    }[layout]  # fmt: skip


class Wrapped(nn.Module):
    """Return the logits of a model of this library, in a layout."""

    def __init__(self, model, layout):
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, x):
        logits = self.model.conditionals(x).logits
        return logits if self.model.domain.levels == 2 else to_layout(logits, self.layout)


SITE_BY_SITE = [each for each in LAYOUTS if "c" in each]


@pytest.mark.parametrize("layout", SITE_BY_SITE)
@pytest.mark.parametrize("kind", ["pixelcnn", "made"])
def test_models_of_this_library_have_the_same_dependence_in_every_layout(kind, layout):
    domain = Binary((3, 2, 3)) if layout == "n,c,h,w" else Levels((3, 2, 3), 5)
    order = raster(domain) if kind == "pixelcnn" else shuffled(domain, seed=3)
    model = PixelCNN(domain, blocks=1, features=6) if kind == "pixelcnn" else MADE(domain, hidden=(60,), order=order)
    report = run_check(Wrapped(model, layout), domain.shape, domain.levels, layout, order=order, scale="levels")
    assert report.passed, report
    assert torch.equal(report.dependence.matrix, measure_dependence(model).matrix)


@pytest.mark.parametrize("layout", SITE_BY_SITE)
def test_every_output_is_assigned_to_its_site(layout):
    """Each output depends on one site; an output that is read from another place would add a site."""

    def fn(x):
        picked = x.roll(1, 3).roll(1, 1)  # site (c, h, w) depends on (c - 1, h, w - 1)
        return to_layout(picked.unsqueeze(-1) + torch.arange(5), layout)

    report = run_check(fn, (3, 2, 4), 5, layout)
    depends_on = lambda o, i: i == ((o[0] - 1) % 3, o[1], (o[2] - 1) % 4)  # noqa: E731
    assert {tuple(pair) for pair in report.dependence.matrix.nonzero().tolist()} == expected_pairs(
        (3, 2, 4), depends_on
    )


@pytest.mark.parametrize("scale", SCALES)
def test_images_have_the_given_scale(scale):
    inputs = []

    def fn(x):
        inputs.append(x.detach().clone())
        return x.repeat(1, 3, 1, 1) * 1.0

    run_check(fn, (2, 2, 3), 3, scale=scale)
    values = set(torch.cat([each.flatten() for each in inputs]).tolist())
    wanted = {"unit": {0, 0.5, 1}, "signed": {-1, 0, 1}, "levels": {0, 1, 2}, "integers": {0, 1, 2}}
    assert values == wanted[scale]
    assert {each.dtype for each in inputs} == {torch.int64 if scale == "integers" else torch.float32}
    assert {tuple(each.shape[1:]) for each in inputs} == {(2, 2, 3)}


class Embedded(nn.Module):
    """Look up the value to the left, so that no gradient reaches the input."""

    def __init__(self, shift=1):
        super().__init__()
        self.shift, self.table = shift, nn.Embedding(LEVELS, LEVELS)

    def forward(self, x):
        return self.table(F.pad(x, (self.shift, -self.shift)))


@pytest.mark.parametrize("shift", [0, 1])
def test_a_model_that_looks_values_up_is_tested_by_perturbation(shift):
    report = run_check(build(lambda: Embedded(shift)), (1, 2, 3), layout="n,c,h,w,k", scale="integers")
    assert report.passed == bool(shift)
    assert "by perturbation only" in report.coverage
    with pytest.raises(cr.ChainruleError, match=r"Embedded raised RuntimeError: .* of scale 'unit', float32 on cpu"):
        run_check(build(Embedded), (1, 2, 3), layout="n,c,h,w,k")


def test_a_leak_that_a_zero_weight_hides_is_found_with_perturbed_weights():
    report = run_check(build(lambda: Residual(GRAY, zero=True)), GRAY)
    assert len(report.leaks) == 20
    assert not report.dependence.matrix_at_own_weights.diagonal().any()
    assert report.to_dict()["only_with_perturbed_weights"]
    assert "once the weights are perturbed" in str(report)


NET = masked_stack(GRAY, mask_a)
REFUSED = {
    "dropout": (lambda x: F.dropout(NET(x), 0.1), "other outputs when it is called with the same images again"),
    "batch norm": (
        lambda x: F.batch_norm(NET(x), None, None, training=True),
        "other outputs for an image when the other images of its batch change .* evaluation mode",
    ),
    "the next datum": (lambda x: NET(x) + NET(x).roll(1, 0), "when the other images of its batch change"),
    "NaN": (lambda x: NET(x) * torch.nan, "returns NaN for random images"),
    "a pair": (
        lambda x: (NET(x), None),
        "returns a tuple; wrap it in an nn.Module whose forward returns only the tensor of logits",
    ),
    "classes": (lambda x: NET(x).argmax(1), "returns a tensor of torch.int64"),
    "another shape": (
        lambda x: NET(x)[:, None],
        r"returns \[32, 1, 4, 4, 5\], but layout 'n,ck,h,w' of shape \[1, 4, 5\] with 4 outputs a site is "
        r"\[32, 4, 4, 5\]; layouts that match: 'n,c,k,h,w'$",
    ),
    "no shape": (lambda x: NET(x)[:, :3], "no layout matches"),
    "a scalar": (lambda x: NET(x).sum(), "no layout matches"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_callable_that_cannot_be_checked_is_refused_in_one_line(name):
    fn, message = REFUSED[name]
    with pytest.raises(cr.ChainruleError, match=message) as error:
        run_check(fn, GRAY)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "nchw"}, "layout must be one of 'n,kc,h,w', .*, not 'nchw'"),
        ({"scale": "standard"}, "scale must be one of 'unit', 'signed', 'levels', 'integers', not 'standard'"),
        ({"order": "rows"}, "order must be one of 'raster', .* or name every site, not 'rows'"),
        ({"order": [0, 1]}, r"the order names 2 sites, and the domain has 20 \(1·4·5\); give a permutation of 0 … 19$"),
        ({"shape": (4, 5)}, r"shape must be an image's \(channels, height, width\), such as \(3, 8, 8\), or \(D,\)"),
        ({"shape": (1, 0, 5)}, "shape must be"),
        ({"levels": 1}, "levels must be 2 to 16777216"),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(cr.ChainruleError, match=message):
        run_check(**{"model": NET, "shape": GRAY, **options})


def test_the_layout_must_be_given():
    with pytest.raises(TypeError, match="layout"):
        cr.check_leak(NET, GRAY, levels=LEVELS)


def test_every_named_order_is_the_order_of_its_name():
    shape, visited = (2, 2, 2), {}
    for name in ORDERS:
        report = run_check(lambda x: x * 1, shape, 2, "n,c,h,w", order=name)
        visited[name] = list(report.order.permutation)
    assert visited["raster"] == [0, 4, 1, 5, 2, 6, 3, 7]
    assert visited["raster-bgr"] == [4, 0, 5, 1, 6, 2, 7, 3]
    assert visited["columns"] == [0, 4, 2, 6, 1, 5, 3, 7]
    assert visited["planes"] == list(range(8))
    assert visited["reverse"] == [7, 3, 6, 2, 5, 1, 4, 0]


def test_the_text_says_that_a_tiny_change_may_be_rounding():
    report = run_check(lambda x: x + 1e-6 * x.flip(3), GRAY, layout="n,c,h,w", order="reverse")
    assert report.largest_change > 0.1
    tiny = run_check(lambda x: 1e-6 * x, GRAY, layout="n,c,h,w")
    assert tiny.largest_change == pytest.approx(1e-6, rel=0.01)
    assert "that may be rounding" in str(tiny)


def test_a_leak_that_only_gradients_find_is_found():
    report = run_check(lambda x: torch.where(x < 2, 0.0, 0.0) + (x - x.detach()), GRAY, layout="n,c,h,w")
    assert set(report.leaks) == {(site, site) for site in range(20)}
    assert "found by gradient only" in str(report)


def test_a_leak_that_only_perturbation_finds_is_found():
    report = run_check(lambda x: x.round(), GRAY, layout="n,c,h,w")
    assert set(report.leaks) == {(site, site) for site in range(20)}


def test_an_output_that_is_one_buffer_is_compared_with_its_earlier_values():
    buffer = torch.zeros(32, *GRAY)
    report = run_check(lambda x: buffer.copy_(x.detach()), GRAY, layout="n,c,h,w")
    assert len(report.leaks) == 20


def test_one_site_has_full_coverage():
    report = run_check(lambda x: torch.zeros(len(x), 1, 1, 1), (1, 1, 1), 2, "n,c,h,w")
    assert report.passed
    assert report.past_coverage == 1.0


def test_the_report_is_a_function_of_the_seed_and_progress_counts_draws():
    steps = []
    first = run_check(build(lambda: masked_stack(GRAY, mask_a)), GRAY, seed=4, progress=steps.append)
    assert sum(steps) == NUM_DRAWS
    again = run_check(build(lambda: masked_stack(GRAY, mask_a)), GRAY, seed=4)
    assert str(first) == str(again)


def test_the_report_is_plain_json():
    for name in ("no mask", "column by column"):
        make, shape, _ = LEAKY_MODELS[name]
        report = run_check(build(make), shape)
        plain = report.to_dict()
        assert json.loads(json.dumps(plain)) == plain
        assert {tuple(pair) for pair in plain["leaks"]} == set(report.leaks)
        assert plain["leaking_outputs"] == len(report.leaks_by_output)
        assert sum(count for *_, count in plain["leaks_by_offset"]) == len(report.leaks)
        assert sorted(o for o, sites in report.leaks_by_output.items() for _ in sites) == sorted(
            o for o, _ in report.leaks
        )


def test_independent_sites_pass_and_depend_on_nothing():
    domain = Levels((1, 2, 3), 3)
    report = run_check(Wrapped(Independent(domain), CK), domain.shape, 3, scale="levels")
    assert report.passed
    assert report.past_coverage == 0
    assert "the outputs depend on none of the sites before them" in str(report)
