"""The receptive fields that are drawn are those of the models."""

import numpy as np
import pytest
import torch

from chainrule.domains import Binary, Order, natural, shuffled
from chainrule.errors import ChainruleError
from chainrule.figures import (
    LEAK,
    ORANGE,
    PREDICTED,
    SEEN,
    UNSEEN,
    dependence_matrix_figure,
    distributions_figure,
    expected_image_figure,
    measure_receptive_field,
    measured_receptive_fields_figure,
    receptive_field_comparison_figure,
    receptive_fields_figure,
    site_states,
    to_png,
)
from chainrule.figures.receptive_fields import AFTER
from chainrule.models import MADE, Independent, PixelCNN, PixelRNN
from tests.support.figures import COLOUR, GRAY, ROWS, draw, images, legend_labels, titles


def test_site_states_distinguish_the_past_the_blind_spot_and_leaks():
    seen = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]]).bool()
    order = natural(Binary((4,)))
    assert site_states(seen, order, 2).tolist() == [UNSEEN, SEEN, PREDICTED, LEAK]
    assert site_states(seen, order, 3).tolist() == [UNSEEN, UNSEEN, UNSEEN, LEAK]
    assert site_states(seen, Order((3, 2, 1, 0)), 1).tolist() == [LEAK, PREDICTED, UNSEEN, UNSEEN]
    assert order.past_coverage(seen) == pytest.approx(2 / 6)
    assert Order((0,)).past_coverage(torch.zeros(1, 1).bool()) == 1.0


@pytest.mark.parametrize(
    "model",
    [
        PixelCNN(GRAY, blocks=1, features=2),
        PixelRNN(GRAY, "row", layers=1, features=2),
        PixelRNN(GRAY, "diagonal", layers=1, features=2),
        MADE(GRAY, hidden=(9,), order=shuffled(GRAY, seed=1)),
    ],
    ids=["pixelcnn", "row", "diagonal", "made"],
)
def test_the_receptive_field_drawn_is_that_of_the_model(model):
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


def test_in_colour_a_row_is_a_site_and_a_column_a_channel():
    model = PixelCNN(COLOUR, blocks=1, features=3)
    sites = [7, 20 + 7, 40 + 7]
    figure = receptive_fields_figure(model.receptive_field(), model.order, COLOUR, sites)
    shown = np.array(images(figure)).reshape(3, 3, 4, 5)
    at = shown[:, :, 1, 2]
    assert at.tolist() == [[PREDICTED, AFTER, AFTER], [SEEN, PREDICTED, AFTER], [SEEN, SEEN, PREDICTED]]
    assert [axes.get_ylabel() for axes in figure.axes][::3] == [f"row 1\ncolumn 2, {name}" for name in "RGB"]
    with pytest.raises(ChainruleError, match="sites must name"):
        receptive_fields_figure(model.receptive_field(), model.order, COLOUR, [60])


def test_the_key_has_the_states_that_occur():
    seen, order = torch.zeros(30, 30).bool(), natural(GRAY)
    figure = receptive_fields_figure(seen, order, GRAY, [3])
    assert legend_labels(figure) == ["predicted", "before it, not seen", "after it"]
    assert legend_labels(dependence_matrix_figure(~seen, order)) == ["seen", "seen, not before it: a leak"]


def test_a_comparison_shows_each_model_with_all_channels_together():
    models = {f"{blocks}": PixelCNN(COLOUR, blocks=blocks, features=3) for blocks in (0, 1)}
    order = models["0"].order
    fields = {name: model.receptive_field() for name, model in models.items()}
    figure = receptive_field_comparison_figure(fields, order, COLOUR, 59)
    for image, field in zip(images(figure), fields.values(), strict=True):
        seen = field[59].view(3, 4, 5).any(0)
        seen[3, 4] = False  # the pixel itself counts as predicted
        assert torch.equal(torch.as_tensor(np.asarray(image)) == SEEN, seen)
    with pytest.raises(ChainruleError, match="give a model of images"):
        receptive_field_comparison_figure({"a": torch.zeros(6, 6).bool()}, natural(ROWS), ROWS, 0)


def test_the_dependence_matrix_is_in_the_order_of_the_model():
    model = MADE(ROWS, hidden=(20,), order=(3, 1, 0, 2, 5, 4))
    figure = dependence_matrix_figure(model.receptive_field(), model.order)
    (shown,) = images(figure)
    sites = model.order.sites
    assert (np.asarray(shown) == SEEN).tolist() == model.receptive_field()[sites][:, sites].tolist()
    assert np.asarray(shown).diagonal().tolist() == [PREDICTED] * 6
    assert figure.axes[0].images[0].get_extent() == [-0.5, 5.5, 5.5, -0.5]


def test_the_measured_receptive_field_of_a_pixelcnn_has_a_blind_spot():
    domain = Binary((1, 3, 6))
    seen = measure_receptive_field(PixelCNN(domain, blocks=0, features=4), 12)
    assert seen.int().tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]]
    assert not measure_receptive_field(Independent(domain), 12).any()
    with pytest.raises(ChainruleError, match="give a model of images"):
        measure_receptive_field(MADE(Binary((4,))), 0)


def test_measured_receptive_fields_can_be_drawn():
    domain = Binary((1, 5, 5))
    models = {"a": Independent(domain), "b": MADE(domain, hidden=(30,))}
    figure = measured_receptive_fields_figure(models, 12, title="context")
    assert to_png(figure).startswith(b"\x89PNG")
    red, green, blue, _ = figure.axes[0].patches[0].get_facecolor()
    assert "#" + "".join(f"{round(255 * part):02X}" for part in (red, green, blue)) == ORANGE


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 9, 1), (3, 1, 9), (3, 9, 1), (1, 40, 2)])
def test_figures_of_wide_and_tall_images_have_a_limited_height(shape):
    domain = Binary(shape)
    model, x = Independent(domain), draw(domain)
    seen, rows = model.receptive_field(), shape[0]
    sites = [channel * shape[1] * shape[2] for channel in range(rows)]
    figures = {
        receptive_fields_figure(seen, model.order, domain, sites): rows,
        receptive_field_comparison_figure({"a": seen, "b": seen, "c": seen}, model.order, domain, 0): 1,
        expected_image_figure(model, x): min(rows, 2),
        distributions_figure(model, x): 2,
    }
    for figure, parts in figures.items():
        assert 1.0 <= figure.get_size_inches()[1] <= 1.2 + parts * 4.0
