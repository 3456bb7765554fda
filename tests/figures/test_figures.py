"""Pictures: pixels are exact, nearest neighbours are nearest, and what a figure draws is what the model says."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import chainrule.figures
from chainrule.checks import measure_dependence
from chainrule.domains import Binary, Levels, shuffled
from chainrule.errors import ChainruleError
from chainrule.figures import (
    completion_grid,
    completions_figure,
    distributions_figure,
    find_nearest,
    image_grid,
    learning_curves_figure,
    likelihoods_figure,
    made_masks_figure,
    measure_receptive_field,
    measured_receptive_fields_figure,
    pixelcnn_masks_figure,
    samples_figure,
    save_figure,
    save_image,
    to_png,
)
from chainrule.figures.image_grids import GAP, GAP_GRAY, MISSING_COLOUR, SEAM_GRAY, tile_offsets, tint
from chainrule.figures.learning_curves import nats_limits
from chainrule.figures.made_masks import full_kernel_mask, site_masks
from chainrule.figures.samples import informative_sites
from chainrule.figures.style import ORANGE
from chainrule.inference import Evaluation
from chainrule.models.independent import Independent
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.training import EpochMetrics, History

GRAY, COLOUR, BITS = Levels((1, 3, 4), 17), Levels((3, 4, 2), 256), Binary((1, 5, 5))


def draw(domain, n, seed=0):
    return torch.randint(domain.levels, (n, *domain.shape), generator=torch.Generator().manual_seed(seed))


def scaled(x, domain):
    """What the pixels have to be, by Python's exact fractions: [n, H, W, C]."""
    table = [math.floor(255 * v / (domain.levels - 1) + 0.5) for v in range(domain.levels)]
    return np.array(table)[x.numpy()].transpose(0, 2, 3, 1)


def cut(picture, tops, lefts, height, width, scale):
    """The tiles of a picture, each square of scale × scale as one pixel: [n, H, W, C]; squares must be of one value."""
    array = np.asarray(picture)
    array = array[..., None] if array.ndim == 2 else array
    tiles = [array[top : top + height * scale, left : left + width * scale] for top in tops for left in lefts]
    squares = np.stack(tiles).reshape(len(tiles), height, scale, width, scale, -1)
    assert (squares == squares[:, :, :1, :, :1]).all()
    return squares[:, :, 0, :, 0]


@pytest.mark.parametrize("domain", [GRAY, COLOUR, BITS], ids=["gray", "colour", "binary"])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_grid_shows_every_pixel_exactly(domain, scale):
    x, (_, height, width) = draw(domain, 7), domain.shape
    picture = image_grid(x, domain, columns=3, scale=scale)
    tops, lefts = tile_offsets(3, height * scale), tile_offsets(3, width * scale)
    tiles = cut(picture, tops, lefts, height, width, scale)
    assert (tiles[:7] == scaled(x, domain)).all()
    assert (tiles[7:] == GAP_GRAY).all()
    assert picture.size == (lefts[-1] + width * scale + GAP, tops[-1] + height * scale + GAP)
    assert picture.mode == ("RGB" if domain is COLOUR else "L")


def test_tiles_are_set_apart_by_gaps_of_their_own_gray():
    array = np.asarray(image_grid(torch.ones(4, 1, 5, 5), BITS, columns=2, scale=1))
    assert array.shape == (16, 16)
    for gap in (0, 1, 7, 8, 14, 15):
        assert (array[gap] == GAP_GRAY).all()
        assert (array[:, gap] == GAP_GRAY).all()
    assert (array == GAP_GRAY).sum() == 16 * 16 - 4 * 25


def test_levels_are_rounded_and_not_cut_off():
    values = torch.arange(17).view(1, 1, 1, 17)
    shown = np.asarray(image_grid(values, Levels((1, 1, 17), 17), scale=1))[2, 2:19]
    assert shown.tolist() == [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
    every = torch.arange(256).view(1, 1, 16, 16)
    shown = np.asarray(image_grid(every, Levels((1, 16, 16), 256), scale=1))[2:18, 2:18]
    assert shown.flatten().tolist() == list(range(256))


def test_a_grid_is_about_square_and_enlarges_small_images():
    assert image_grid(draw(BITS, 36), BITS).size == (6 * (100 + GAP) + GAP,) * 2
    assert image_grid(draw(BITS, 3), BITS).size == (2 * (300 + GAP) + GAP,) * 2
    wide = Binary((1, 2, 8))
    assert image_grid(draw(wide, 16), wide, scale=1).size == (2 * 10 + GAP, 8 * 4 + GAP)
    large = Binary((1, 80, 80))
    assert image_grid(draw(large, 9), large).size == (3 * (240 + GAP) + GAP,) * 2
    assert image_grid(draw(large, 64), large).size == (8 * (80 + GAP) + GAP,) * 2


@pytest.mark.parametrize(
    ("x", "domain", "options", "message"),
    [
        (torch.zeros(2, 5), Binary((5,)), {}, r"\.npz"),
        (torch.zeros(2, 2, 3, 3), Binary((2, 3, 3)), {}, r"\.npz"),
        (torch.zeros(0, 1, 5, 5), BITS, {}, "no data to draw"),
        (torch.full((1, 1, 5, 5), 2), BITS, {}, "0 … 1"),
        (torch.zeros(1, 1, 5, 5), BITS, {"columns": 0}, "at least 1 column"),
        (torch.zeros(1, 1, 5, 5), BITS, {"scale": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(x, domain, options, message):
    with pytest.raises(ChainruleError, match=message):
        image_grid(x, domain, **options)


def test_a_completion_grid_has_original_evidence_and_completions():
    x, drawn = draw(GRAY, 2), draw(GRAY, 6, seed=1).view(2, 3, *GRAY.shape)
    evidence = torch.zeros(1, 3, 4, dtype=torch.bool)
    evidence[0, 0], evidence[0, 1, :2] = True, True
    picture = completion_grid(x, evidence, drawn, GRAY, scale=2)
    lefts = tile_offsets(5, 8, wide=(1, 2))
    tiles = cut(picture, tile_offsets(2, 6), lefts, 3, 4, 2).reshape(2, 5, 3, 4, 3)
    shown = np.broadcast_to(scaled(x, GRAY), (2, 3, 4, 3))
    given = evidence[0].numpy()
    assert (tiles[:, 0] == shown).all()
    assert (tiles[:, 1][:, given] == shown[:, given]).all()
    assert (tiles[:, 1][:, ~given] == MISSING_COLOUR).all()
    completed = np.broadcast_to(scaled(drawn.flatten(0, 1), GRAY).reshape(2, 3, 3, 4, 1), (2, 3, 3, 4, 3))
    assert (tiles[:, 2:][:, :, given] == completed[:, :, given]).all()
    assert (tiles[:, 2:][:, :, ~given] == tint(completed)[:, :, ~given]).all()
    for left in lefts[1:3]:
        assert (np.asarray(picture)[:, left - GAP - 1] == SEAM_GRAY).all()
    again = completion_grid(x, evidence.expand(x.shape), drawn, GRAY, scale=2)
    assert (np.asarray(again) == np.asarray(picture)).all()


def test_a_small_picture_is_enlarged_by_a_whole_factor_to_600_pixels():
    for shape, n in (((1, 8, 8), 1), ((1, 8, 8), 4), ((1, 1, 9), 5), ((3, 9, 1), 2), ((1, 28, 28), 16)):
        domain = Binary(shape)
        x = draw(domain, n)
        rows = completion_grid(x, torch.zeros(shape, dtype=torch.bool), x[:, None].expand(n, 3, *shape), domain)
        for picture in (image_grid(x, domain), rows):
            assert 600 <= max(picture.size) < 1200


def test_a_pixel_is_given_once_all_of_its_colours_are():
    x = draw(COLOUR, 1)
    evidence = torch.ones(COLOUR.shape, dtype=torch.bool)
    evidence[2, 1, 0] = False
    tile = cut(
        completion_grid(x, evidence, x[None], COLOUR, scale=1),
        tile_offsets(1, 4),
        [tile_offsets(3, 2, (1, 2))[1]],
        4,
        2,
        1,
    )
    assert (tile[0] == MISSING_COLOUR).all(-1).nonzero() == ([1], [0])


def test_completions_in_colour_keep_their_colours():
    x = draw(COLOUR, 1)
    rows = completion_grid(x, torch.zeros(COLOUR.shape, dtype=torch.bool), x[None], COLOUR, scale=1)
    assert (cut(rows, tile_offsets(1, 4), [tile_offsets(3, 2, (1, 2))[2]], 4, 2, 1) == scaled(x, COLOUR)).all()


def test_completions_that_do_not_belong_to_the_data_are_refused():
    x, evidence = draw(GRAY, 2), torch.ones(GRAY.shape, dtype=torch.bool)
    with pytest.raises(ChainruleError, match="the completions have shape"):
        completion_grid(x, evidence, x, GRAY)
    with pytest.raises(ChainruleError, match="the completions have shape"):
        completion_grid(x, evidence, x[:1, None], GRAY)
    with pytest.raises(ChainruleError, match="boolean mask"):
        completion_grid(x, evidence.float(), x[:, None], GRAY)
    with pytest.raises(ChainruleError, match="boolean mask"):
        completion_grid(x, evidence[0], x[:, None], GRAY)


@pytest.mark.parametrize("ending", [".png", ".PNG", ".bmp", ".tiff"])
def test_a_saved_picture_is_the_same_pixel_by_pixel(tmp_path, ending):
    picture = image_grid(draw(COLOUR, 3), COLOUR)
    save_image(picture, tmp_path / f"grid{ending}")
    with Image.open(tmp_path / f"grid{ending}") as again:
        assert (np.asarray(again) == np.asarray(picture)).all()
    assert [path.name for path in tmp_path.iterdir()] == [f"grid{ending}"]


def test_saving_overwrites_nothing_and_knows_its_formats(tmp_path):
    picture, figure = image_grid(draw(BITS, 1), BITS), likelihoods_figure({"a": Evaluation(1.0, 0.1, 9, 4)})
    (tmp_path / "there.png").write_text("mine")
    for save, made in ((save_image, picture), (save_figure, figure)):
        with pytest.raises(ChainruleError, match="exists and would be overwritten"):
            save(made, tmp_path / "there.png")
        with pytest.raises(ChainruleError, match=r"ends in no known .* format; .*\.png"):
            save(made, tmp_path / "grid.jpeg")
    assert (tmp_path / "there.png").read_text() == "mine"
    save_figure(figure, tmp_path / "figure.svg")
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    save_figure(figure, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as written:
        assert written.size[0] == 1400


@pytest.mark.parametrize("domain", [BITS, GRAY, COLOUR], ids=["binary", "gray", "colour"])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_nearest_datum_is_that_of_brute_force(domain, chunk):
    x, train = draw(domain, 9), draw(domain, 40, seed=1)
    difference = (x[:, None] - train[None]).flatten(2).double()
    distance = (difference != 0).sum(-1).double() if domain is BITS else difference.square().sum(-1).sqrt()
    index, found = find_nearest(x, train, domain, chunk)
    assert torch.equal(found, distance.min(1).values)
    assert torch.equal(index, torch.tensor([int((row == row.min()).nonzero()[0]) for row in distance]))


def test_the_nearest_of_equals_is_the_first_and_a_copy_is_at_no_distance():
    train = draw(GRAY, 5).repeat(3, 1, 1, 1)
    index, distance = find_nearest(train, train, GRAY, batch_size=4)
    assert index.tolist() == list(range(5)) * 3
    assert (distance == 0).all()
    with pytest.raises(ChainruleError, match="no training data"):
        find_nearest(train, train[:0], GRAY)


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
def test_the_masks_drawn_of_a_made_are_those_at_work(model):
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


def test_whole_taps_are_the_papers_masks():
    model = PixelCNN(Levels((3, 4, 4), 5), blocks=1, features=6)
    a, b = full_kernel_mask(model.first), full_kernel_mask(model.stack[0].spread)
    assert a.shape == (3, 3, 7, 7)
    assert b.shape == (3, 3, 3, 3)
    assert a[:, :, 3, 3].int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert b[:, :, 1, 1].int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    for taps, centre in ((a, 3), (b, 1)):
        assert taps[:, :, :centre].all()
        assert taps[:, :, centre, :centre].all()
        assert not taps[:, :, centre, centre + 1 :].any()
        assert not taps[:, :, centre + 1 :].any()


def test_the_context_of_a_pixelcnn_has_its_blind_spot():
    domain = Binary((1, 3, 6))
    seen = measure_receptive_field(PixelCNN(domain, blocks=0, features=4), 12)
    assert seen.int().tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]]
    assert not measure_receptive_field(Independent(domain), 12).any()
    with pytest.raises(ChainruleError, match="give a model of images"):
        measure_receptive_field(MADE(Binary((4,))), 0)


def test_telling_sites_come_one_from_each_stretch_of_the_order():
    domain = Binary((1, 4, 4))
    model = MADE(domain, hidden=(20,), order=shuffled(domain, seed=5))
    chosen = informative_sites(model, model.conditionals(draw(domain, 1)))
    ranks = model.order.rank[chosen].tolist()
    assert ranks[0] == 0
    assert [1 + (rank - 1) // 3 for rank in ranks[1:]] == [1, 2, 3, 4, 5]
    for sites in (1, 2, 4):
        small = Binary((1, 1, sites))
        found = informative_sites(Independent(small), Independent(small).conditionals(draw(small, 1)))
        assert found == list(range(sites))


def test_a_telling_site_is_neither_certain_nor_a_guess():
    model = Independent(Levels((1, 1, 4), 4))
    with torch.no_grad():
        model.logits[0, 0, 2, :2] = 20.0  # half of the values, evenly: half of the greatest entropy
        model.logits[0, 0, 3, 0] = 50.0
    assert informative_sites(model, model.conditionals(torch.zeros(1, 1, 1, 4)), count=2) == [0, 2]


def bars_of(axes):
    return [patch.get_height() for patch in axes.patches]


@pytest.mark.parametrize("domain", [GRAY, Binary((3, 2, 2))], ids=["gray", "colour"])
def test_the_distributions_drawn_are_those_of_the_model(domain):
    model, x = PixelCNN(domain, blocks=1, features=6, seed=4), draw(domain, 1)[0]
    with torch.no_grad():
        model.output.bias.normal_(generator=torch.Generator().manual_seed(0))
        table = model.conditionals(x[None]).probs[0].flatten(0, -2)
    sites = [0, 5, 11, 3]
    figure = distributions_figure(model, x, sites)
    image, nats, *panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for axes, site in zip(panels, sites, strict=False):
        assert bars_of(axes) == pytest.approx(table[site].tolist())
        true = axes.patches[int(x.flatten()[site])]
        marked = [patch for patch in axes.patches if patch.get_facecolor() == true.get_facecolor()]
        assert marked == [true]
    assert [axes.get_visible() for axes in panels] == [True] * 4 + [False] * 2
    shown = nats.images[0].get_array()
    assert float(shown.sum()) == pytest.approx(-model.log_prob(x[None]).item(), abs=1e-4)
    marks = {0: "1", 1: "2", 2: "3", 3: "4"} if domain is GRAY else {0: "1", 1: "2", 3: "3, 4"}
    assert [text.get_text() for text in image.texts] == list(marks.values())
    without = distributions_figure(model, x, sites, nats=False)
    assert [axes.get_title() for axes in without.axes][:2] == ["the image", f"1: {domain.describe_site(0)}"]
    with pytest.raises(ChainruleError, match="sites must name"):
        distributions_figure(model, x, [domain.sites])


def row(epoch, train, valid):
    return EpochMetrics(epoch, epoch, train, valid, valid, 0.1, 1.0, float(epoch))


def test_learning_curves_show_each_model_and_mark_the_epoch_that_was_kept():
    first = History([row(1, 90.0, 80.0), row(2, 20.0, 22.0), row(3, 15.0, 25.0)], best=2)
    second = History([row(1, 60.0, math.nan), row(2, 30.0, math.nan)], best=2)
    figure = learning_curves_figure({"one": first, "two": second}, "curves")
    (axes,) = figure.axes
    train, valid, kept = axes.lines[:3]
    assert train.get_ydata().tolist() == [90, 20, 15]
    assert valid.get_ydata().tolist() == [80, 22, 25]
    assert (kept.get_xdata().tolist(), kept.get_ydata().tolist()) == ([2], [22])
    low, high = axes.get_ylim()
    assert low < 15
    assert 30 < high < 60
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"one", "two", "training", "validation", "epoch kept"} <= set(words)
    assert figure.get_suptitle() == "curves"
    assert nats_limits([History([row(1, 0.0, 0.0)], best=1)])[0] < 0


def test_the_legend_of_five_learning_curves_fits():
    names = ["Independent", "MADE", "PixelCNN", "Row LSTM", "Diagonal BiLSTM"]
    record = History([row(1, 90.0, 80.0), row(2, 20.0, 22.0)], best=2)
    figure = learning_curves_figure(dict.fromkeys(names, record))
    to_png(figure)
    extent = figure.legends[0].get_window_extent()
    assert 0 <= extent.x0 < extent.x1 <= figure.bbox.width
    assert extent.y0 >= 0
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    columns = ["Independent", "Row LSTM", "training"], ["MADE", names[4], "validation"], ["PixelCNN", " ", "epoch kept"]
    assert words == [word for column in columns for word in column]


def test_likelihoods_are_drawn_with_two_standard_errors():
    figure = likelihoods_figure({"a": Evaluation(20.0, 0.5, 9, 4), "b": Evaluation(15.0, math.nan, 1, 4)})
    (axes,) = figure.axes
    spans = [container.lines[2][0].get_segments()[0][:, 0].tolist() for container in axes.containers]
    assert spans == [[19.0, 21.0], [15.0, 15.0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_a_grid_leaves_no_more_places_empty_than_it_has_to():
    column = Binary((1, 9, 1))
    assert image_grid(draw(column, 16), column, scale=1).size == (8 * (1 + GAP) + GAP, 2 * (9 + GAP) + GAP)


def test_every_figure_of_pictures_can_be_drawn():
    model, train = PixelCNN(COLOUR, blocks=1, features=6), draw(COLOUR, 5)
    evidence = torch.ones(COLOUR.shape, dtype=torch.bool)
    figures = [
        samples_figure(draw(COLOUR, 4), train, COLOUR, "samples"),
        completions_figure(train[:2], evidence, train[:2, None], COLOUR, "completions"),
        pixelcnn_masks_figure(model, "masks"),
        pixelcnn_masks_figure(PixelCNN(BITS, blocks=1, features=2)),
        made_masks_figure(MADE(Binary((4,)), hidden=(6, 5), direct_connections=True), "masks"),
        made_masks_figure(MADE(Binary((3,)), hidden=(), direct_connections=True)),
        measured_receptive_fields_figure({"a": Independent(BITS), "b": MADE(BITS, hidden=(30,))}, 12, "context"),
    ]
    for figure in figures:
        png = to_png(figure)
        assert png.startswith(b"\x89PNG")
    right = figures[0].axes[1].images[0].get_array()
    near = train[find_nearest(draw(COLOUR, 4), train, COLOUR)[0]]
    assert (np.asarray(right) == np.asarray(image_grid(near, COLOUR))).all()
    assert ORANGE in to_hex(figures[-1].axes[0].patches[0].get_facecolor())


def to_hex(colour):
    return "#" + "".join(f"{round(255 * part):02X}" for part in colour[:3])


def test_masks_that_cannot_be_drawn_are_refused():
    with pytest.raises(ChainruleError, match="draw a smaller model"):
        made_masks_figure(MADE(Binary((4,)), hidden=(100,)))
    with pytest.raises(ChainruleError, match="no 3×3 layer"):
        pixelcnn_masks_figure(PixelCNN(BITS, blocks=0, features=2))


def test_figures_use_nothing_global():
    for path in Path(chainrule.figures.__file__).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "pyplot" not in source
        assert "rcParams" not in source
