"""The distributions that are drawn are the model's conditionals, at sites that say something about the model."""

import pytest
import torch

from chainrule.domains import Binary, Levels, shuffled
from chainrule.errors import ChainruleError
from chainrule.figures import ORANGE, distributions_figure
from chainrule.figures.predicted_distributions import informative_sites
from chainrule.models import MADE, Independent, PixelCNN
from tests.support.figures import COLOUR, draw, perturbed

GRAY = Levels((1, 3, 4), 17)


def test_informative_sites_come_from_each_part_of_the_order():
    domain = Binary((1, 4, 4))
    model = MADE(domain, hidden=(20,), order=shuffled(domain, seed=5))
    chosen = informative_sites(model, model.conditionals(draw(domain, n=1)))
    ranks = model.order.rank[chosen].tolist()
    assert ranks[0] == 0
    assert [1 + (rank - 1) // 3 for rank in ranks[1:]] == [1, 2, 3, 4, 5]
    for sites in (1, 2, 4):
        small = Binary((1, 1, sites))
        found = informative_sites(Independent(small), Independent(small).conditionals(draw(small, n=1)))
        assert found == list(range(sites))


def test_an_informative_site_has_half_of_the_greatest_entropy():
    model = Independent(Levels((1, 1, 4), 4))
    with torch.no_grad():
        model.logits[0, 0, 2, :2] = 20.0  # half of the values, evenly: half of the greatest entropy
        model.logits[0, 0, 3, 0] = 50.0
    assert informative_sites(model, model.conditionals(torch.zeros(1, 1, 1, 4)), count=2) == [0, 2]


@pytest.mark.parametrize("domain", [GRAY, Binary((3, 2, 2))], ids=["gray", "colour"])
def test_the_distributions_drawn_are_those_of_the_model(domain):
    model, x = PixelCNN(domain, blocks=1, features=6, seed=4), draw(domain, n=1)[0]
    with torch.no_grad():
        model.output.bias.normal_(generator=torch.Generator().manual_seed(0))
        table = model.conditionals(x[None]).probs[0].flatten(0, -2)
    sites = [0, 5, 11, 3]
    figure = distributions_figure(model, x, sites)
    image, nats, *panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for axes, site in zip(panels, sites, strict=False):
        assert [bar.get_height() for bar in axes.patches] == pytest.approx(table[site].tolist())
        true = axes.patches[int(x.flatten()[site])]
        marked = [patch for patch in axes.patches if patch.get_facecolor() == true.get_facecolor()]
        assert marked == [true]
    assert [axes.get_visible() for axes in panels] == [True] * 4 + [False] * 2
    shown = nats.images[0].get_array()
    assert float(shown.sum()) == pytest.approx(-model.log_prob(x[None]).item(), abs=1e-4)
    marks = {0: "1", 1: "2", 2: "3", 3: "4"} if domain is GRAY else {0: "1", 1: "2", 3: "3, 4"}
    assert [text.get_text() for text in image.texts] == list(marks.values())
    without = distributions_figure(model, x, sites, show_nats=False)
    assert [axes.get_title() for axes in without.axes][:2] == ["the image", f"1: {domain.describe_site(0)}"]
    with pytest.raises(ChainruleError, match="sites must name"):
        distributions_figure(model, x, [domain.sites])


def test_the_sites_of_one_pixel_share_a_mark_on_that_pixel():
    model, x = perturbed(PixelCNN(COLOUR, blocks=0, features=3)), draw(COLOUR)
    marks = distributions_figure(model, x, [0, 20, 40, 4, 19, 59, 24]).axes[0].texts
    assert {mark.get_position(): mark.get_text() for mark in marks} == {(0, 0): "1–3", (4, 0): "4, 7", (4, 3): "5, 6"}
    rgb = [int(ORANGE[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    assert all(mark.get_bbox_patch().get_edgecolor()[:3] == pytest.approx(rgb) for mark in marks)
