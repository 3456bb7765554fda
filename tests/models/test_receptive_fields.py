"""Law 6: receptive fields by Jacobian, by the models' own prediction, and by the papers' geometry, as equal sets."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from chainrule.checks import check_model, check_receptive_field, measure_jacobian
from chainrule.checks.model_check import NUM_CHECKS
from chainrule.checks.receptive_field_check import MAX_SITES, NUM_SAMPLED, sites_to_check
from chainrule.domains import Binary, Levels, raster
from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.lstm import DiagonalBiLSTM
from chainrule.layers.masks import colour_groups
from chainrule.models import AutoregressiveModel
from chainrule.models.independent import Independent
from chainrule.models.made import MADE, hidden_degrees
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.seeding import generator
from tests.support.findings import FIELD, failed_laws, finding

SHAPES = [
    (1, 1, 1),
    (1, 1, 9),
    (1, 9, 1),
    (1, 8, 7),
    (1, 7, 16),
    (1, 6, 10),
    (2, 4, 9),
    (3, 5, 8),
    (3, 7, 6),
    (3, 2, 11),
]
"""Gray, two channels and colour; odd and even; taller, wider and square; wider than what a 7×7 kernel spans."""

REACH = 3
"""Columns and rows from the centre of the first layer's 7×7 kernel to its edge."""


def by_geometry(shape, sees):
    """bool [D, D] from sees(rows up, columns right, input's colour, output's column): other pixels, from far or near.

    At its own pixel a colour sees those before it.
    """
    sites = list(itertools.product(*map(range, shape)))
    field = torch.zeros(len(sites), len(sites), dtype=torch.bool)
    for (output, (k, row, column)), (site, (j, r, c)) in itertools.product(enumerate(sites), repeat=2):
        here = (r, c) == (row, column)
        field[output, site] = j < k if here else sees(row - r, c - column, j, column)
    return field


def pixelcnn_sees(blocks):
    """A 7×7 kernel, then 3×3 kernels that climb at most a row each, and a column to the right only when they do.

    So the right edge runs up with slope one, from three columns beyond the first row climbed, and what lies to the
    right of it is never seen, though it is of the past: the blind spot.
    """

    def sees(up, right, *_):
        far = blocks + REACH
        if up == 0:
            return -far <= right < 0
        return 1 <= up <= far and -far <= right <= min(up - 1, blocks) + REACH

    return sees


def row_lstm_sees(layers):
    """All rows above; a column further to either side with each row, and one more to the left with each layer."""

    def sees(up, right, *_):
        if up == 0:
            return -(layers + REACH) <= right < 0
        return up > 0 and -(up + layers + REACH) <= right <= up - 1 + REACH

    return sees


def diagonal_sees(shape):
    """The past without the last pixel of the row above, unless the 7×7 kernel of a pixel to the left reaches that.

    Of that pixel, its earlier colours are seen: features of its later colours hold them, and the states to its left
    read these.
    """
    colours, _, width = shape

    def sees(up, right, colour, column):
        last = (up, column + right, colour) == (1, width - 1, colours - 1)
        return before(up, right) and not (last and right > REACH)

    return sees


def before(up, right, *_):
    return (-up, right) < (0, 0)


def models(shape):
    """Every image model of this shape, with the geometry of its paper."""
    domain, few, more = Binary(shape), shape[0], shape[0] + 2  # three colours in 3 and 5 features: even and uneven
    for blocks, features in ((0, few), (1, more), (3, few)):
        yield f"{blocks} blocks", PixelCNN(domain, blocks, features), pixelcnn_sees(blocks)
    for layers, features in ((1, few), (3, more)):
        row, diagonal = (
            {"cell": cell, "layers": layers, "features": features, "skip": layers > 1} for cell in ("row", "diagonal")
        )
        yield f"row, {layers} layers", PixelRNN(domain, **row), row_lstm_sees(layers)
        yield f"diagonal, {layers} layers", PixelRNN(domain, **diagonal), diagonal_sees(shape)
        yield f"full context, {layers} layers", PixelRNN(domain, **diagonal, full_context=True), before
    yield "row, not residual", PixelRNN(domain, "row", 2, more, residual=False), row_lstm_sees(2)
    yield "diagonal, not residual", PixelRNN(domain, "diagonal", 2, few, residual=False), diagonal_sees(shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_prediction_and_jacobian_are_the_geometry_of_the_papers(shape):
    for name, model, sees in models(shape):
        expected = by_geometry(shape, sees)
        assert torch.equal(model.receptive_field(), expected), name
        assert torch.equal(measure_jacobian(model, torch.arange(model.domain.sites), seed=1), expected), name


def picture(model, row, column):
    """Return the pixels that a conditional of a gray image depends on, row by row."""
    _, height, width = model.domain.shape
    seen = model.receptive_field()[row * width + column].view(height, width)
    return ["".join("#" if each else "." for each in line) for line in seen.tolist()]


def test_a_pixelcnn_has_a_blind_spot():
    assert picture(PixelCNN(Binary((1, 7, 11)), blocks=1, features=1), 5, 4) == [
        "...........",
        "#########..",  # one block climbs one row: the right edge stops at columns 1 + 3 from the pixel
        "#########..",
        "#########..",
        "########...",
        "####.......",
        "...........",
    ]


def test_a_row_lstm_sees_a_trapezoid():
    one, three = (PixelRNN(Binary((1, 6, 16)), "row", layers, features=1) for layers in (1, 3))
    assert picture(one, 4, 9) == [
        ".###############",
        "..#############.",
        "...###########..",
        "....#########...",
        ".....####.......",
        "................",
    ]
    assert picture(three, 4, 9) == [
        "################",
        "###############.",
        ".#############..",
        "..###########...",
        "...######.......",
        "................",
    ]


def test_only_the_full_context_holds_the_last_pixel_of_the_row_above():
    papers, full = (PixelRNN(Binary((1, 3, 7)), "diagonal", 2, 2, full_context=full) for full in (False, True))
    assert picture(papers, 1, 2) == ["######.", "##.....", "......."]
    assert picture(papers, 1, 3) == ["#######", "###....", "......."]  # within the 7×7 kernel
    assert picture(papers, 2, 2) == ["#######", "######.", "##....."]
    assert picture(full, 2, 2) == ["#######", "#######", "##....."]


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("hidden", [(), (3,), (4, 3), (2, 5, 2)])
def test_made_sees_what_a_chain_of_degrees_leads_to(hidden, direct):
    domain, order = Levels((7,), 3), (3, 0, 6, 1, 5, 2, 4)
    model = MADE(domain, hidden, direct, order, seed=4)
    degrees = [each.tolist() for each in hidden_degrees(7, hidden, generator(4))]
    expected = torch.zeros(7, 7, dtype=torch.bool)
    for output, site in itertools.product(range(7), repeat=2):
        place, seen = order.index(output) + 1, order.index(site) + 1
        chains = ((seen, *units) for units in itertools.product(*degrees))
        rising = any(list(chain) == sorted(chain) and chain[-1] < place for chain in chains)
        expected[output, site] = rising or (direct and seen < place)
    assert torch.equal(model.receptive_field(), expected)
    assert torch.equal(measure_jacobian(model, torch.arange(7), seed=2), expected)


def test_independent_sites_see_nothing():
    assert not Independent(Binary((2, 3))).receptive_field().any()


# The check.


class ReadsFurtherUp(MaskedConv2d):
    """Adds each row to the one five below: sees more of the past than the kernel says."""

    def forward(self, x):
        return super().forward(x + F.pad(x, (0, 0, 5, -5)))


class LosesAColumn(MaskedConv2d):
    """Never reads the left column of the image."""

    def forward(self, x):
        return super().forward(F.pad(x[..., 1:], (1, 0)))


class Dilated(MaskedConv2d):
    """Spreads the rows of its kernel: reads the second, fourth and sixth row above in place of the first three."""

    def forward(self, x):
        above = F.pad(x, (0, 0, 6, 0))
        return F.conv2d(above, self.mask * self.weight, self.bias, padding=(0, 3), dilation=(2, 1))


class Planted(PixelCNN):
    """Its first layer is of another class, which does otherwise than it predicts. A walk runs `conditionals`."""

    layer: type[MaskedConv2d]

    def __init__(self, domain, blocks=1, features=2):
        super().__init__(domain, blocks, features)
        colours = domain.shape[0]
        self.first = self.layer(torch.arange(colours), colour_groups(2 * features, colours), 7, "A", generator(0))

    def conditionals(self, x):
        return super().conditionals(x)


class FurtherUp(Planted):
    layer = ReadsFurtherUp


class Narrower(Planted):
    layer = LosesAColumn


class Spread(Planted):
    layer = Dilated


def test_a_model_that_sees_more_than_predicted_is_named_though_no_other_law_is_broken():
    report = check_model(FurtherUp(Binary((1, 10, 3))))
    assert failed_laws(report) == {FIELD}
    fault = finding(report, FIELD)
    # Predicted are 4 rows above; 5 more are seen, as far as there are any.
    rows = [(row, above) for row in range(10) for above in range(row - 4) if above >= row - 9]
    assert {(output // 3, site // 3) for output, site in fault.pairs} == set(rows)
    assert fault.detail.startswith("the conditional of row 5, column 1 depends on row 0, column 0 (one of ")
    assert fault.detail.endswith(" such pairs), which its masks do not predict")


def test_a_model_that_sees_less_than_predicted_is_named():
    model = Narrower(Binary((1, 2, 4)))
    report = check_model(model)
    fault = finding(report, FIELD)
    assert failed_laws(report) == {FIELD}
    assert fault.pairs == ()
    missed = int(model.receptive_field()[:, [0, 4]].sum())
    assert fault.detail == (
        f"the conditional of row 0, column 1 does not depend on row 0, column 0 (one of {missed} such pairs), "
        "which its masks predict"
    )


def test_both_differences_are_told():
    fault = check_receptive_field(Spread(Binary((1, 8, 1)), blocks=0))
    assert fault.pairs == tuple((row, row - up) for row in range(8) for up in (6, 4) if row >= up)
    assert fault.detail == (
        "the conditional of row 4, column 0 depends on row 0, column 0 (one of 6 such pairs), which its masks do not "
        "predict; the conditional of row 1, column 0 does not depend on row 0, column 0 (one of 12 such pairs), which "
        "its masks predict"
    )


class Unforeseen(PixelRNN):
    """Has the full context, and predicts the paper's field."""

    def receptive_field(self):
        return PixelRNN(self.domain, self.cell, self.layers, self.features).receptive_field()


def test_a_context_that_the_prediction_forgot():
    model = Unforeseen(Binary((1, 3, 6)), "diagonal", 1, 2, full_context=True)
    fault = check_receptive_field(model)
    assert fault.pairs == ((6, 5), (7, 5), (12, 11), (13, 11))


class ShiftedTwice(DiagonalBiLSTM):
    """The scan from the right reads a map that was shifted down by a row before."""

    def forward(self, x, right=None):
        return super().forward(x, F.pad(x, (0, 0, 6, -6)))  # [2h, pixels, n], 6 pixels a row


@pytest.mark.parametrize("layers", [1, 2])
def test_a_scan_that_is_shifted_down_too_far(layers):
    model = PixelRNN(Binary((1, 4, 6)), "diagonal", layers, 2)
    for block in model.stack.blocks:
        block.lstm = ShiftedTwice((1, 4, 6), 2, generator(0))
    fault = check_receptive_field(model)
    assert not fault.passed
    assert fault.pairs == ()
    assert "the conditional of row 1, column 0 does not depend on row 0, column 4" in fault.detail


class Silent(AutoregressiveModel):
    """Predicts nothing."""

    def __init__(self, domain):
        super().__init__()
        self.domain, self.order = domain, raster(domain)

    def conditionals(self, x):
        x = x.flatten(1)
        return self.domain.conditionals((x.cumsum(1) - x).unsqueeze(-1))


def test_a_model_that_predicts_nothing_is_not_held_to_it():
    report = check_model(Silent(Binary((3,))))
    assert len(report.findings) == NUM_CHECKS
    assert finding(report, FIELD).status == "not run"
    assert finding(report, FIELD).detail == "the model predicts no receptive field"


class LooksUp(PixelCNN):
    """Takes whole numbers alone."""

    def conditionals(self, x):
        return super().conditionals(torch.eye(2)[x][..., 1])


class Rounds(PixelCNN):
    """Rounds its input, and so has no gradient."""

    def conditionals(self, x):
        return super().conditionals(x.detach().round())


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (LooksUp, "no Jacobian can be taken in float64 (tensors used as indices"),
        (Rounds, "no gradient reaches the input"),
    ],
)
def test_a_model_without_gradients_cannot_be_looked_at_by_jacobian(kind, reason):
    found = check_receptive_field(kind(Binary((1, 2, 2)), 0, 1))
    assert found.status == "not run"
    assert found.detail.startswith(reason)


def test_large_domains_are_sampled_with_their_corners():
    model = PixelCNN(Binary((2, 12, 9)), blocks=1, features=2)
    sites = sites_to_check(model, seed=0).tolist()
    corners = {channel * 108 + row * 9 + column for channel in (0, 1) for row in (0, 11) for column in (0, 8)}
    assert corners <= set(sites)
    assert NUM_SAMPLED <= len(sites) <= NUM_SAMPLED + len(corners) < MAX_SITES < model.domain.sites
    assert sites == sorted(set(sites))
    assert sites_to_check(model, seed=1).tolist() != sites
    found = check_receptive_field(model)
    assert found.passed
    assert found.detail.startswith(f"by Jacobian, {len(sites)} of 216 conditionals depend on ")


def test_a_fault_of_a_large_domain_is_named_by_its_sites():
    model = FurtherUp(Binary((1, 10, 14)))
    found, field = check_receptive_field(model), model.receptive_field()
    assert found.pairs
    assert all(5 <= output // 14 - site // 14 <= 9 and not field[output, site] for output, site in found.pairs)


def test_one_datum_at_a_time_gives_the_same_finding():
    model = PixelRNN(Binary((3, 2, 3)), "row", 1, 4)
    assert check_receptive_field(model, batch_size=1) == check_receptive_field(model)


def test_trained_and_saturated_weights_do_not_matter():
    model = PixelRNN(Binary((1, 4, 5)), "diagonal", 2, 2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(-1e6)
    assert check_receptive_field(model).passed


def test_mixed_precision_and_training_mode_do_not_matter():
    model = PixelCNN(Binary((1, 3, 3)), 1, 2).half().train()
    assert check_receptive_field(model).passed
    assert model.training
    assert model.first.weight.dtype == torch.float16


def test_a_model_that_does_not_run_in_float64_is_not_held_to_it_and_told_why():
    class Single(PixelCNN):
        def encode(self, x):
            return super().encode(x).float()

    found = check_receptive_field(Single(Binary((1, 3, 3)), blocks=1, features=2))
    assert found.status == "not run"
    assert found.detail.startswith("no Jacobian can be taken in float64 (")


def test_the_field_of_a_made_with_many_levels_needs_no_memory_for_each():
    few, many = (
        MADE(Levels((2, 3), levels), hidden=(9, 7), direct_connections=True).receptive_field() for levels in (3, 256)
    )
    assert torch.equal(few, many)
