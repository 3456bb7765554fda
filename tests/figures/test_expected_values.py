"""The maps of expected values and bits are those of the model's conditionals."""

import math

import numpy as np
import pytest
import torch

from chainrule.domains import Levels
from chainrule.figures import expected_image_figure, expected_values_figure, to_png
from chainrule.models import MADE, Independent, PixelCNN
from tests.support.figures import COLOUR, GRAY, ROWS, draw, images, perturbed


@pytest.mark.parametrize("domain", [GRAY, COLOUR], ids=["binary", "colour"])
def test_the_maps_are_means_and_bits(domain):
    model, x = perturbed(PixelCNN(domain, blocks=1, features=3)), draw(domain)
    figure = expected_image_figure(model, x)
    probs = model.conditionals(x[None]).probs[0].detach()
    mean = (probs * torch.arange(domain.levels)).sum(-1) / (domain.levels - 1)
    image, expected, bits, *channels = images(figure)[:6]
    wanted = mean[0] if domain is GRAY else mean.movedim(0, -1)
    assert np.asarray(expected) == pytest.approx(wanted.numpy(), abs=1e-6)
    total = -model.log_prob(x[None]).item() / math.log(2)
    assert float(bits.sum()) == pytest.approx(total, rel=1e-5)
    if domain is COLOUR:
        by_site = -model.conditionals(x[None]).log_prob(x[None])[0].detach() / math.log(2)
        assert np.array(channels[:3]) == pytest.approx(by_site.numpy(), rel=1e-5)
    assert np.asarray(image).shape[:2] == domain.shape[1:]


def test_rows_are_shown_in_the_order_of_the_model():
    model, x = perturbed(MADE(ROWS, hidden=(8,), order=(3, 1, 0, 2, 5, 4))), draw(ROWS)
    above, below = expected_values_figure(model, x).axes
    conditionals = model.conditionals(x[None])
    bits = -conditionals.log_prob(x[None])[0].detach() / math.log(2)
    assert above.patches[0].get_data().values.tolist() == pytest.approx(
        conditionals.probs[0, :, 1].detach()[model.order.sites].tolist()
    )
    assert above.lines[0].get_ydata().tolist() == x[model.order.sites].tolist()
    assert above.lines[0].get_xdata().tolist() == list(range(6))
    assert below.patches[0].get_data().values.tolist() == pytest.approx(bits[model.order.sites].tolist())
    to_png(expected_values_figure(Independent(Levels((4,), 3)), torch.tensor([0, 1, 2, 0])))
