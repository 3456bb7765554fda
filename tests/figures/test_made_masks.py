"""The masks that are drawn of a MADE are those of its layers."""

import numpy as np
import pytest
import torch

from chainrule.checks import measure_dependence
from chainrule.domains import Binary, Levels, shuffled
from chainrule.errors import ChainruleError
from chainrule.figures import made_mask_matrices_figure, made_masks_figure, site_masks, to_png
from chainrule.figures.made_masks import sorted_masks
from chainrule.models import MADE, Independent
from tests.support.figures import open_cells


@pytest.mark.parametrize(
    "model",
    [
        MADE(Binary((6,)), hidden=(9,), seed=1),
        MADE(Binary((6,)), hidden=(12, 10), order=shuffled(Binary((6,)), seed=3), seed=2),
        MADE(Levels((5,), 3), hidden=(4,), direct_connections=True, seed=3),
        MADE(Binary((4,)), hidden=(), direct_connections=True),
    ],
    ids=["plain", "two layers, shuffled", "levels, direct", "no hidden layer"],
)
def test_site_masks_are_the_masks_of_the_layers(model):
    net, order = site_masks(model), model.order.sites
    assert (net.paths.triu() == 0).all()
    seen = measure_dependence(model).matrix[order][:, order]
    assert not (seen & (net.paths == 0)).any()
    if model.direct_connections:
        assert torch.equal(seen, net.paths > 0)
    for degrees, above in zip(net.degrees, net.masks[1:], strict=True):
        assert (degrees <= model.domain.sites - 1).all()
        assert above.shape[1] == len(degrees)
    if net.degrees:
        places = torch.arange(1, model.domain.sites + 1)
        assert torch.equal(net.masks[0], net.degrees[0][:, None] >= places)
        assert torch.equal(net.masks[-1], places[:, None] > net.degrees[-1])


@pytest.mark.parametrize("hidden", [(40,), (30, 50), ()])
@pytest.mark.parametrize("direct", [False, True])
def test_wide_masks_are_sorted_by_degree(hidden, direct):
    domain = Binary((12,))
    model = MADE(domain, hidden=hidden, direct_connections=direct, order=shuffled(domain, seed=2))
    net = site_masks(model)
    matrices = sorted_masks(net)
    assert len(matrices) == len(hidden) + 2
    assert torch.equal(matrices[-1], net.paths > 0)
    for matrix, mask in zip(matrices, net.masks, strict=False):
        assert int(matrix.sum()) == int(mask.sum())
        assert (matrix.int().diff(dim=0) >= 0).all()  # a staircase: lower units depend on more units
    assert open_cells(made_mask_matrices_figure(model)) == [np.asarray(matrix).tolist() for matrix in matrices]


@pytest.mark.parametrize(
    "model",
    [
        MADE(Binary((4,)), hidden=(6, 5), direct_connections=True),
        MADE(Binary((3,)), hidden=(), direct_connections=True),
    ],
    ids=["two layers", "no hidden layer"],
)
def test_a_small_network_can_be_drawn(model):
    assert to_png(made_masks_figure(model, title="masks")).startswith(b"\x89PNG")


def test_networks_that_cannot_be_drawn_raise_an_error():
    with pytest.raises(ChainruleError, match="draw a smaller model"):
        made_masks_figure(MADE(Binary((4,)), hidden=(100,)))
    for draw in (made_masks_figure, made_mask_matrices_figure):
        with pytest.raises(ChainruleError, match="Independent has no masks of fully connected layers"):
            draw(Independent(Binary((4,))))
