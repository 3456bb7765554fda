"""The figure of leaks shows the contents of the report."""

from __future__ import annotations

from dataclasses import replace

import torch

from chainrule.figures import LEAK, ORANGE, SEEN, leak_figure
from chainrule.figures.leaks import LABELS, LEAK_COLOURS
from tests.support.planted_leaks import GRAY, LEAKY_MODELS, RGB, build, half_above, masked_stack, run_check


def states_of(axes):
    """The states or colours that a panel shows."""
    return axes.images[0].get_array()


def test_the_figure_shows_the_worst_output_of_each_channel_and_all_outputs_together():
    report = run_check(build(LEAKY_MODELS["no mask"][0]), RGB)
    figure = leak_figure(report, title="a title")
    *outputs, offsets, channels = figure.axes
    assert [axes.get_title() for axes in outputs] == [
        f"row 1, column 1, {name}\n{count} leaks" for name, count in zip("RGB", (15, 14, 13), strict=True)
    ]
    for channel, axes in enumerate(outputs):
        state = torch.from_numpy(states_of(axes).data).view(3, 4, 3).permute(2, 0, 1).flatten()
        leaks = report.leak_mask[report.worst_output(channel)]
        assert ((state == 4) == leaks).all()
    assert [text.get_text() for text in channels.texts] == ["12"] * 6
    assert {text.get_position(): text.get_text() for text in offsets.texts} == {
        (3, 2): str(report.leaks_by_offset[0, 0]),
        (4, 2): str(report.leaks_by_offset[0, 1]),
        (2, 3): str(report.leaks_by_offset[1, -1]),
        (3, 3): str(report.leaks_by_offset[1, 0]),
        (4, 3): str(report.leaks_by_offset[1, 1]),
    }
    assert figure.get_suptitle() == "a title"


def test_the_figure_of_a_gray_model_without_leaks():
    left, right = leak_figure(run_check(build(lambda: masked_stack(GRAY, half_above)), GRAY)).axes
    assert left.get_title().endswith("\n0 leaks")
    state = states_of(left)
    assert (state == 4).sum() == 0
    assert (state == 2).sum() == 3
    leak = torch.tensor(LEAK_COLOURS(LEAK))
    assert not (torch.from_numpy(states_of(right).data) == leak).all(-1).any()
    assert not right.texts


def test_rows_are_drawn_in_the_same_colours_and_counted_from_0():
    report = run_check(lambda x: x.cumsum(1), (5,), 2, "n,d")
    figure = leak_figure(report)
    (axes,) = figure.axes
    (image,) = axes.images
    assert torch.equal(torch.from_numpy(states_of(axes).data) == LEAK, torch.eye(5).bool())
    assert torch.equal(torch.from_numpy(states_of(axes).data) == SEEN, torch.ones(5, 5).tril(-1).bool())
    assert image.get_cmap() is LEAK_COLOURS
    assert image.get_extent() == [-0.5, 4.5, 4.5, -0.5]
    patches = {patch.get_label(): patch.get_facecolor() for patch in figure.legends[0].get_patches()}
    assert {
        name: LEAK_COLOURS(state) for state, name in ((SEEN, "before it, seen"), (LEAK, LABELS[ORANGE]))
    }.items() <= (patches.items())


def test_the_title_says_what_was_checked_and_what_was_found():
    gray = run_check(build(lambda: masked_stack(GRAY, half_above)), GRAY)
    assert leak_figure(gray).get_suptitle() == "Sequential does not leak\nimages 1×4×5, 4 levels, layout n,ck,h,w"
    rows = replace(run_check(lambda x: x * 1, (5,), 2, "n,d"), name="a_long_name." * 6)
    lines = leak_figure(rows).get_suptitle().splitlines()
    assert max(map(len, lines)) < 80
    assert lines[-1] == "rows of 5 sites, 2 levels, layout n,d"
