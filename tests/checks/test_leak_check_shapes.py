"""Run `check_leak` on rows, on many levels, on parameters of mixtures, and on large images."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import chainrule as cr
from chainrule.checks import FLAT_LAYOUTS, Dependence, LeakReport, measure_dependence
from chainrule.domains import Levels, natural, shuffled
from chainrule.models import MADE
from tests.support.planted_leaks import (
    GRAY,
    LEVELS,
    RGB,
    MaskedConv,
    build,
    mask_a,
    mask_b,
    masked_stack,
    run_check,
    stack_dependence,
)


def to_layout(logits, layout):
    """Return logits [n, D, K] in a layout, without the code under test."""
    return {
        "n,kd": logits.mT.flatten(1), "n,dk": logits.flatten(1), "n,d,k": logits, "n,k,d": logits.mT,
        "n,d": logits[..., 0],
    }[layout]  # fmt: skip


class Rows(nn.Module):
    """Return the logits of a MADE in a layout."""

    def __init__(self, model, layout):
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, x):
        return to_layout(self.model.conditionals(x).logits, self.layout)


@pytest.mark.parametrize("layout", FLAT_LAYOUTS)
def test_rows_have_the_same_dependence_in_every_layout(layout):
    domain = Levels((7,), 5)
    model = build(lambda: MADE(domain, hidden=(60,), order=shuffled(domain, seed=3)))
    report = run_check(Rows(model, layout), (7,), 5, layout, order=model.order, scale="levels")
    assert report.passed
    assert torch.equal(report.dependence.matrix, measure_dependence(model).matrix)


@pytest.mark.parametrize("layout", FLAT_LAYOUTS)
def test_leaks_of_rows_are_described_by_site(layout):
    def fn(x):
        seen = torch.nn.functional.pad(x, (0, 2))[:, 2:]  # site i depends on site i + 2
        return to_layout(seen[..., None] + torch.arange(5), layout)

    report = run_check(fn, (7,), 5, layout)
    assert report.leaks == tuple((site, site + 2) for site in range(5))
    text = str(report)
    assert "the output of site 0 depends on site 2\n  pairs by sites further on: 5 at +2\n" in text
    assert "the outputs depend on none of the sites before them" in text
    assert report.clean_orders == ("reverse",)
    assert report.leaks_by_offset == {(0, 2): 5}


def test_equal_orders_are_named_once():
    report = run_check(build(lambda: masked_stack(GRAY, mask_a)), GRAY, order="reverse")
    assert report.clean_orders == ("raster",)


def test_more_levels_than_a_byte_can_store():
    net = build(lambda: nn.Sequential(MaskedConv((1, 4), 1, mask_a), MaskedConv((4, 512), 1, mask_b, size=1)))
    report = run_check(net, (1, 2, 3), 512)
    assert report.passed
    assert report.past_coverage > 0.5
    with pytest.raises(cr.ChainruleError, match="levels must be 2 to 256, not 512"):
        Levels((1, 2, 3), 512)


def mixtures(first, parameters):
    """Return a model with the parameters of a pixel for all colours together, as in PixelCNN++."""
    return nn.Sequential(MaskedConv((3, 6), 3, first), nn.ELU(), nn.Conv2d(6, parameters, 1))


def earlier_pixels(to, of, down, right):
    return down < 0 or (down == 0 and right < 0)


def test_the_outputs_of_a_pixel_may_depend_only_on_earlier_pixels():
    report = run_check(build(lambda: mixtures(earlier_pixels, 10)), RGB, 256, "n,k,h,w", outputs_per_site=10)
    assert report.passed
    assert "the outputs of a pixel belong to all of its channels, and may depend on none of them" in report.coverage
    leaking = run_check(
        build(lambda: mixtures(lambda to, of, *at: earlier_pixels(to, of, *at) or (at == (0, 0) and of == 0), 10)),
        RGB, 256, "n,k,h,w", outputs_per_site=10,
    )  # fmt: skip
    assert leaking.leaks == tuple((pixel, pixel) for pixel in range(12))
    assert "within a pixel: R depends on R\n" in str(leaking)


def test_any_number_of_outputs_per_site():
    net = build(lambda: nn.Sequential(MaskedConv((3, 6), 3, mask_a), nn.ELU(), MaskedConv((6, 21), 3, mask_b, size=1)))
    report = run_check(net, RGB, 256, outputs_per_site=7)
    assert report.passed
    wanted = stack_dependence(mask_a)
    assert bool(report.dependence.matrix[12 + 5, 5]) == wanted((1, 1, 1), (0, 1, 1)) is True
    with pytest.raises(cr.ChainruleError, match=r"of shape \[3, 3, 4\] with 8 outputs a site is \[32, 24, 3, 4\]"):
        run_check(net, RGB, 256, outputs_per_site=8)
    with pytest.raises(cr.ChainruleError, match="layout 'n,c,h,w' has one output a site; leave outputs_per_site out"):
        run_check(net, RGB, 256, "n,c,h,w", outputs_per_site=7)


def test_the_text_of_a_large_report_does_not_list_its_pairs(monkeypatch):
    domain = Levels((3, 16, 16), 2)
    every = torch.ones(domain.sites, domain.sites, dtype=torch.bool)
    report = LeakReport(
        name="net", domain=domain, layout="n,c,h,w", order=natural(domain), dependence=Dependence(every, every),
        largest_change=1.0, coverage="all",
    )  # fmt: skip
    before = domain.sites * (domain.sites + 1) // 2
    monkeypatch.setattr(LeakReport, "leaks", property(lambda self: pytest.fail("all pairs were listed")))
    monkeypatch.setattr(LeakReport, "leaks_by_output", property(lambda self: pytest.fail("all pairs were listed")))
    text = str(report)
    assert f"net leaks: 768 of its 768 outputs depend on sites that are not before them ({before:,} pairs)" in text
    assert "the output of row 0, column 0, R depends on row 0, column 0, R\n" in text
    assert sum(report.leaks_by_offset.values()) == before


def test_an_error_names_the_dtype_and_the_device():
    weight = torch.ones(LEVELS, 1, 3, 3).double()

    def fn(x):
        return nn.functional.conv2d(x, weight, padding=1)

    with pytest.raises(cr.ChainruleError, match=r"fn raised RuntimeError: .* of scale 'unit', float32 on cpu"):
        run_check(fn, GRAY, LEVELS)
