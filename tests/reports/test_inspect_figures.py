"""What the figures of `inspect` show is what the model is: receptive fields, steps, masks and distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.domains import Order, natural, shuffled
from chainrule.figures import (
    AFTER,
    EMPTY,
    LEAK,
    ORANGE,
    PREDICTED,
    SEEN,
    UNSEEN,
    dependence_matrix_figure,
    distributions_figure,
    expected_image_figure,
    expected_values_figure,
    find_masked_convolutions,
    gate_mask,
    kernels_figure,
    lstm_cell_figure,
    made_mask_matrices_figure,
    path_lengths,
    receptive_field_comparison_figure,
    receptive_fields_figure,
    row_steps_figure,
    site_masks,
    site_states,
    skew,
    skewing_figure,
    sorted_masks,
    state_kernels,
    state_sources,
    step_map,
    to_png,
)
from chainrule.layers.scan_plan import diagonal_plan, row_plan
from chainrule.models import Independent, PixelRNN

GRAY, COLOUR, ROWS = cr.Binary((1, 5, 6)), cr.Levels((3, 4, 5), 5), cr.Binary((6,))


def draw(domain, seed=0):
    return torch.randint(domain.levels, domain.shape, generator=torch.Generator().manual_seed(seed))


def trained(model, seed=0):
    """The model with its outputs moved away from uniform."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=generator)
    return model.eval()


def images(figure):
    """What each panel that is seen holds, as arrays."""
    return [axes.images[0].get_array() for axes in figure.axes if axes.images and axes.get_visible()]


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


# Receptive fields.


def test_a_field_tells_the_past_that_is_seen_from_the_blind_spot_and_from_a_leak():
    seen = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]]).bool()
    order = natural(cr.Binary((4,)))
    assert site_states(seen, order, 2).tolist() == [UNSEEN, SEEN, PREDICTED, LEAK]
    assert site_states(seen, order, 3).tolist() == [UNSEEN, UNSEEN, UNSEEN, LEAK]
    assert site_states(seen, Order((3, 2, 1, 0)), 1).tolist() == [LEAK, PREDICTED, UNSEEN, UNSEEN]
    assert order.past_coverage(seen) == pytest.approx(2 / 6)
    assert Order((0,)).past_coverage(torch.zeros(1, 1).bool()) == 1.0


@pytest.mark.parametrize(
    "model",
    [
        cr.PixelCNN(GRAY, blocks=1, features=2),
        PixelRNN(GRAY, "row", layers=1, features=2),
        PixelRNN(GRAY, "diagonal", layers=1, features=2),
        cr.MADE(GRAY, hidden=(9,), order=shuffled(GRAY, seed=1)),
    ],
    ids=["pixelcnn", "row", "diagonal", "made"],
)
def test_the_field_drawn_is_the_models_own(model):
    seen, site = model.receptive_field(), 20
    figure = receptive_fields_figure(seen, model.order, GRAY, [site, 3])
    shown = [torch.as_tensor(np.asarray(image)) for image in images(figure)]
    for state, each in zip(shown, (site, 3), strict=True):
        before = (model.order.rank < model.order.rank[each]).view(5, 6)
        assert torch.equal(state == SEEN, seen[each].view(5, 6))
        assert torch.equal((state == SEEN) | (state == UNSEEN), before)
        assert (state == PREDICTED).nonzero().tolist() == [[each // 6, each % 6]]
    count = f"{int(seen[site].sum())} of {int(model.order.rank[site])} seen"
    assert titles(figure)[0] == f"row 3, column 2\n{count}"


def test_of_colours_a_row_is_a_site_and_a_column_a_channel():
    model = cr.PixelCNN(COLOUR, blocks=1, features=3)
    sites = [7, 20 + 7, 40 + 7]
    figure = receptive_fields_figure(model.receptive_field(), model.order, COLOUR, sites)
    shown = np.array(images(figure)).reshape(3, 3, 4, 5)
    at = shown[:, :, 1, 2]
    assert at.tolist() == [[PREDICTED, AFTER, AFTER], [SEEN, PREDICTED, AFTER], [SEEN, SEEN, PREDICTED]]
    assert [axes.get_ylabel() for axes in figure.axes][::3] == [f"row 1\ncolumn 2, {name}" for name in "RGB"]
    with pytest.raises(cr.ChainruleError, match="sites must name"):
        receptive_fields_figure(model.receptive_field(), model.order, COLOUR, [60])


def test_the_key_names_the_states_that_there_are():
    seen, order = torch.zeros(30, 30).bool(), natural(GRAY)
    words = [text.get_text() for text in receptive_fields_figure(seen, order, GRAY, [3]).legends[0].get_texts()]
    assert words == ["predicted", "before it, not seen", "after it"]
    words = [text.get_text() for text in dependence_matrix_figure(~seen, order).legends[0].get_texts()]
    assert words == ["seen", "seen, not before it: a leak"]


def test_growth_shows_each_model_and_all_channels_together():
    models = {f"{blocks}": cr.PixelCNN(COLOUR, blocks=blocks, features=3) for blocks in (0, 1)}
    order = models["0"].order
    figure = receptive_field_comparison_figure(
        {name: each.receptive_field() for name, each in models.items()}, order, COLOUR, 59
    )
    for image, model in zip(images(figure), models.values(), strict=True):
        seen = model.receptive_field()[59].view(3, 4, 5).any(0)
        seen[3, 4] = False  # the pixel itself counts as what is predicted
        assert torch.equal(torch.as_tensor(np.asarray(image)) == SEEN, seen)
    with pytest.raises(cr.ChainruleError, match="give a model of images"):
        receptive_field_comparison_figure({"a": torch.zeros(6, 6).bool()}, natural(ROWS), ROWS, 0)


def test_all_sites_are_shown_in_the_order():
    model = cr.MADE(ROWS, hidden=(20,), order=(3, 1, 0, 2, 5, 4))
    (shown,) = images(dependence_matrix_figure(model.receptive_field(), model.order))
    sites = model.order.sites
    assert (np.asarray(shown) == SEEN).tolist() == model.receptive_field()[sites][:, sites].tolist()
    assert np.asarray(shown).diagonal().tolist() == [PREDICTED] * 6
    assert dependence_matrix_figure(model.receptive_field(), model.order).axes[0].images[0].get_extent() == [
        -0.5,
        5.5,
        5.5,
        -0.5,
    ]


# Steps.


@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 5), (5, 2), (1, 3), (3, 1)])
def test_the_steps_of_the_diagonals_are_column_plus_row(height, width):
    steps = step_map(diagonal_plan(height, width), height, width)
    assert steps.tolist() == [[row + column for column in range(width)] for row in range(height)]
    shifted = skew(steps)
    assert shifted.shape == (height, height + width - 1)
    for row in range(height):
        assert shifted[row].tolist() == [EMPTY] * row + list(range(row, row + width)) + [EMPTY] * (height - 1 - row)
    rows = step_map(row_plan(height, width), height, width)
    assert rows.tolist() == [[row] * width for row in range(height)]


def test_taps_are_left_and_above_or_the_three_above():
    assert set(state_sources(diagonal_plan(4, 4), (2, 1), 4)) == {(2, 0), (1, 1)}
    assert set(state_sources(diagonal_plan(4, 4), (2, 1), 4, direction=1)) == {(2, 2), (1, 1)}
    assert set(state_sources(row_plan(4, 4), (2, 1), 4)) == {(1, 0), (1, 1), (1, 2)}
    assert state_sources(row_plan(4, 4), (0, 1), 4) == []


def arrows(axes):
    return [patch for patch in axes.patches if type(patch).__name__ == "FancyArrowPatch"]


def test_the_skewing_figure_numbers_both_directions():
    figure = skewing_figure(3, 4)
    left, moved, right, moved_too = (np.ma.filled(image, EMPTY) for image in images(figure))
    assert left.tolist() == [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]
    assert right.tolist() == [row[::-1] for row in left.tolist()]
    for each in (moved, moved_too):
        assert each.tolist() == skew(torch.tensor(left).long()).tolist()
    assert [len(arrows(axes)) for axes in figure.axes] == [2, 2, 2, 2]
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert numbers == [str(int(step)) for step in left.flatten()]
    assert [axes.patches[0].get_xy() for axes in figure.axes[::2]] == [(1.5, 0.5)] * 2
    to_png(skewing_figure(1, 1, "one pixel"))


def test_the_row_figure_has_three_taps_and_a_triangle():
    figure = row_steps_figure(3, 5)
    steps, back = images(figure)
    assert steps.tolist() == [[0.0] * 5, [1.0] * 5, [2.0] * 5]
    wanted = [[2, 2, 2, 2, 2], [EMPTY, 1, 1, 1, EMPTY], [EMPTY, EMPTY, 0, EMPTY, EMPTY]]
    assert path_lengths(row_plan(3, 5), (2, 2), (3, 5)).tolist() == wanted
    assert np.ma.filled(back, EMPTY).tolist() == wanted
    assert [len(arrows(axes)) for axes in figure.axes] == [3, 0]
    assert images(row_steps_figure(100, 100))[0].shape == (6, 7)


# Masks.


def test_the_kernels_drawn_are_the_masks_at_work():
    model = cr.PixelCNN(COLOUR, blocks=1, features=3)
    layers = find_masked_convolutions(model)
    assert list(layers) == ["mask A, 7×7", "mask B, 3×3", "mask B, 1×1"]
    shown = iter(images(kernels_figure(layers)))
    for name, layer in layers.items():
        size, centre = layer.mask.shape[3], layer.mask.shape[3] // 2
        for to in range(3):
            for of in range(3):
                kernel = np.asarray(next(shown)) > 0
                pair = layer.mask[layer.out_groups == to][:, layer.in_groups == of]
                assert kernel.shape == (size, size)
                assert (kernel[: centre + 1] == pair[0, 0].numpy()).all()
                assert not kernel[centre + 1 :].any()
                assert kernel[centre, centre] == (of < to if "A" in name else of <= to)


def test_a_single_colour_needs_no_names():
    figure = kernels_figure(find_masked_convolutions(cr.PixelCNN(GRAY, blocks=1, features=2)), "masks")
    assert len(figure.axes) == 3
    assert set(titles(figure)) == {""}
    assert find_masked_convolutions(cr.MADE(GRAY, hidden=(4,))) == {}


@pytest.mark.parametrize(("cell", "places"), [("row", 2), ("diagonal", 1)])
def test_each_gate_is_grouped_by_colour(cell, places):
    model = PixelRNN(COLOUR, cell, layers=1, features=7)  # groups of uneven size
    layer = next(each for each in model.modules() if type(each).__name__ in ("RowLSTM", "DiagonalBiLSTM"))
    mask = gate_mask(layer, 3)
    below = torch.ones(3, 3).tril().bool()
    assert torch.equal(mask, torch.cat([below, torch.ones(3, 3).bool()][:places], 1).repeat(4, 1))
    figure = lstm_cell_figure(layer, 3)
    matrix, *taps = images(figure)
    assert (np.asarray(matrix) > 0).tolist() == mask.tolist()
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[:4] == ["output R", "output G", "output B", "input R"]
    assert [(np.asarray(each) > 0).tolist() for each in taps] == [
        each.tolist() for each in state_kernels(layer).values()
    ]


def test_the_states_that_are_read_are_those_of_the_paper():
    row, diagonal = (
        next(PixelRNN(GRAY, cell, layers=1, features=2).stack.children())[0].lstm for cell in ("row", "diagonal")
    )
    assert [each.int().tolist() for each in state_kernels(row).values()] == [[[1, 1, 1], [0, 0, 0], [0, 0, 0]]]
    left, right = (each.int().tolist() for each in state_kernels(diagonal).values())
    assert left == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert right == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("hidden", [(40,), (30, 50), ()])
@pytest.mark.parametrize("direct", [False, True])
def test_wide_masks_are_sorted_by_degree(hidden, direct):
    domain = cr.Binary((12,))
    model = cr.MADE(domain, hidden=hidden, direct_connections=direct, order=shuffled(domain, seed=2))
    net = site_masks(model)
    matrices = sorted_masks(net)
    assert len(matrices) == len(hidden) + 2
    assert torch.equal(matrices[-1], net.paths > 0)
    for matrix, mask in zip(matrices, net.masks, strict=False):
        assert int(matrix.sum()) == int(mask.sum())
        assert (matrix.int().diff(dim=0) >= 0).all()  # a staircase: units further down see more
    shown = images(made_mask_matrices_figure(model))
    assert [(np.asarray(each) > 0).tolist() for each in shown] == [each.tolist() for each in matrices]


# Conditionals.


@pytest.mark.parametrize("domain", [GRAY, COLOUR], ids=["binary", "colour"])
def test_the_maps_are_means_and_bits(domain):
    model, x = trained(cr.PixelCNN(domain, blocks=1, features=3)), draw(domain)
    figure = expected_image_figure(model, x)
    table = model.conditionals(x[None]).probs[0].detach()
    mean = (table * torch.arange(domain.levels)).sum(-1) / (domain.levels - 1)
    image, expected, bits, *channels = images(figure)[:6]
    wanted = mean[0] if domain is GRAY else mean.movedim(0, -1)
    assert np.asarray(expected) == pytest.approx(wanted.numpy(), abs=1e-6)
    total = -model.log_prob(x[None]).item() / math.log(2)
    assert float(bits.sum()) == pytest.approx(total, rel=1e-5)
    if domain is COLOUR:
        by_site = -model.conditionals(x[None]).log_prob(x[None])[0].detach() / math.log(2)
        assert np.array(channels[:3]) == pytest.approx(by_site.numpy(), rel=1e-5)
    assert np.asarray(image).shape[:2] == domain.shape[1:]


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 9, 1), (3, 1, 9), (3, 9, 1), (1, 40, 2)])
def test_wide_and_tall_images_make_no_wide_or_tall_figures(shape):
    domain = cr.Binary(shape)
    model, x = Independent(domain), draw(domain)
    seen, rows = model.receptive_field(), len(range(shape[0]))
    figures = {
        receptive_fields_figure(seen, model.order, domain, [each * shape[1] * shape[2] for each in range(rows)]): rows,
        receptive_field_comparison_figure({"a": seen, "b": seen, "c": seen}, model.order, domain, 0): 1,
        expected_image_figure(model, x): min(rows, 2),
        distributions_figure(model, x): 2,
    }
    for figure, parts in figures.items():
        assert 1.0 <= figure.get_size_inches()[1] <= 1.2 + parts * 4.0


def test_rows_are_shown_in_the_order():
    model, x = trained(cr.MADE(ROWS, hidden=(8,), order=(3, 1, 0, 2, 5, 4))), draw(ROWS)
    above, below = expected_values_figure(model, x).axes
    conditionals = model.conditionals(x[None])
    bits = -conditionals.log_prob(x[None])[0].detach() / math.log(2)
    assert above.patches[0].get_data().values.tolist() == pytest.approx(
        conditionals.probs[0, :, 1].detach()[model.order.sites].tolist()
    )
    assert above.lines[0].get_ydata().tolist() == x[model.order.sites].tolist()
    assert above.lines[0].get_xdata().tolist() == list(range(6))
    assert below.patches[0].get_data().values.tolist() == pytest.approx(bits[model.order.sites].tolist())
    to_png(expected_values_figure(Independent(cr.Levels((4,), 3)), torch.tensor([0, 1, 2, 0])))


def test_the_sites_of_one_pixel_share_a_mark_on_that_pixel():
    model, x = trained(cr.PixelCNN(COLOUR, blocks=0, features=3)), draw(COLOUR)
    marks = distributions_figure(model, x, [0, 20, 40, 4, 19, 59, 24]).axes[0].texts
    assert {mark.get_position(): mark.get_text() for mark in marks} == {(0, 0): "1–3", (4, 0): "4, 7", (4, 3): "5, 6"}
    assert all(mark.get_bbox_patch().get_edgecolor()[:3] == pytest.approx(rgb(ORANGE)) for mark in marks)


def rgb(colour):
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
