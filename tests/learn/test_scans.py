"""The recurrent layers retold are the library's, and what the lesson reads from models is what is there."""

from __future__ import annotations

import pytest
import torch

from chainrule.domains import Binary, Levels
from chainrule.learn.lessons import recurrence_scans as lesson
from chainrule.learn.pictures import recurrence_scans as pictures
from chainrule.learn.scans import PlainDiagonals, PlainRows, by_pixel, retold, skew, unskew
from chainrule.models.pixelrnn import PixelRNN
from chainrule.reports import Page
from chainrule.seeding import generator

KINDS = {"row": PlainRows, "diagonal": PlainDiagonals}
SIZES = [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (4, 5)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_skewed_map_has_diagonals_for_columns_and_comes_back(size):
    x = torch.randn(*size, 2, generator=generator(0))
    skewed = skew(x)
    for row in range(size[0]):
        for column in range(size[1]):
            assert torch.equal(skewed[row, row + column], x[row, column])
    assert torch.equal(unskew(skewed, size[1]), x)
    torch.testing.assert_close(skewed.sum(), x.sum())  # zeros elsewhere


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", KINDS)
def test_layers_retold_give_the_same_model(cell, size):
    domain = Binary((1, *size))
    model = lesson.with_random_weights(PixelRNN(domain, cell, layers=2, features=3))
    x = domain.random(5, generator(1))
    torch.testing.assert_close(retold(model, KINDS[cell]).log_prob(x), model.log_prob(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("cell", "more"),
    [("row", {"order": "left"}), ("diagonal", {"full_context": True}), ("diagonal", {"order": "right"})],
)
def test_layers_retold_are_the_same_in_colour_and_any_order_gradients_too(cell, more):
    domain = Levels((3, 2, 4), 5)
    model = lesson.with_random_weights(PixelRNN(domain, cell, layers=2, features=4, **more))
    told, x = retold(model, KINDS[cell]), domain.random(3, generator(1))
    log_probs = [each.log_prob(x) for each in (model, told)]
    torch.testing.assert_close(*log_probs, rtol=1e-12, atol=1e-12)
    gradients = [
        torch.autograd.grad(p.sum(), each.parameters()) for p, each in zip(log_probs, (model, told), strict=True)
    ]
    named = [
        {name: gradient for (name, _), gradient in zip(each.named_parameters(), some, strict=True)}
        for each, some in zip((model, told), gradients, strict=True)
    ]
    torch.testing.assert_close(named[0], named[1])


def test_a_model_retold_is_a_copy():
    model = PixelRNN(Binary((1, 2, 3)), "row", layers=1, features=2)
    assert type(retold(model, PlainRows).stack.blocks[0].lstm) is PlainRows
    assert type(model.stack.blocks[0].lstm) is not PlainRows


def test_bad_input_is_refused_in_one_line():
    with pytest.raises(ValueError, match="2 × 3 is skewed to 4 columns, and not 5"):
        unskew(torch.zeros(2, 5), 3)
    with pytest.raises(ValueError, match="7 pixels is none of 2 × 3"):
        by_pixel(torch.zeros(4, 7, 1), 2, 3)
    with pytest.raises(ValueError, match="PlainRows is no DiagonalBiLSTM; give a class for cell='diagonal'"):
        retold(PixelRNN(Binary((1, 2, 3)), "diagonal", layers=1, features=2), PlainRows)


def test_the_lessons_equalities_hold():
    assert lesson.difference("row", PlainRows) < 1e-11
    assert lesson.difference("diagonal", PlainDiagonals) < 1e-11


def leaks_by_hand(lift: int) -> set[tuple[int, int]]:
    """Who sees whom and must not, when the scan from the right is moved by so many rows; -1 is right."""
    _, height, width = lesson.GRAY
    pixels = [(row, column) for row in range(height) for column in range(width)]

    def held(feature):  # the pixels of the 7×7 kernel through mask A
        row, column = feature
        return {p for p in pixels if p < feature and row - 3 <= p[0] and abs(p[1] - column) <= 3}

    def seen(pixel):
        row, column = pixel
        features = {p for p in pixels if p[0] <= row and p[1] <= column} | {pixel}
        if 0 <= row + lift < height:
            features |= {p for p in pixels if p[0] <= row + lift and p[1] >= column}
        return set().union(*map(held, features))

    return {(i, j) for i, p in enumerate(pixels) for j in map(pixels.index, seen(p)) if j >= i}


@pytest.mark.parametrize(
    ("kind", "lift"),
    [(PlainDiagonals, -1), (lesson.NotShifted, 0), (lesson.ZerosAtTheWrongEnd, 1)],
    ids=["as it is", "not shifted", "wrong end"],
)
def test_a_shift_leaks_what_it_must(kind, lift):
    model = PixelRNN(Binary(lesson.GRAY), "diagonal", layers=1, features=3)
    report = lesson.leaks_of(retold(model, kind))
    assert set(report.leaks) == leaks_by_hand(lift)
    assert report.passed == (kind is PlainDiagonals)


def test_padding_at_the_wrong_end_is_found():
    model = PixelRNN(Binary(lesson.GRAY), "diagonal", layers=1, features=3)
    report = lesson.leaks_of(retold(model, lesson.ReadsTheRowBelow))
    assert not report.passed
    assert max(down for down, _ in report.offsets) > 0


def test_gates_cut_across_colours_are_found_and_grouped_ones_pass():
    report = lesson.leaks_of(lesson.cut_across_colours())
    assert set(report.offsets) == {(0, 0)}
    assert report.colours.tolist() == [[4, 4, 0], [0, 4, 0], [0, 0, 0]]
    assert lesson.leaks_of(PixelRNN(Levels(lesson.COLOUR, lesson.COLOURS), "diagonal", layers=1, features=6)).passed


def test_the_diagonal_misses_one_pixel_the_others_more_the_full_context_none():
    models = lesson.models_of(lesson.SIDE, lesson.DEPTH)
    site = lesson.PIXEL[0] * lesson.SIDE + lesson.PIXEL[1]
    missed = {
        name: (model.order.past(site) & ~model.receptive_field()[site]).nonzero().flatten().tolist()
        for name, model in models.items()
    }
    assert missed["Diagonal BiLSTM"] == [lesson.PIXEL[0] * lesson.SIDE - 1]  # the last of the row above
    assert missed["full context"] == []
    assert set(missed["Diagonal BiLSTM"]) < set(missed["Row LSTM"]) < set(missed["PixelCNN"])


def test_table_1_is_the_papers():
    page = Page("Table 1")
    lesson.tell_of_table_1(page)
    lines = [line for line in page.markdown().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[2][1:] == ["7×7 mask A"] * 3
    assert cells[3][1:] == ["conv 3×3 mask B", "i-s 3×1 mask B, s-s 3×1 no mask", "i-s 1×1 mask B, s-s 2×1 no mask"]
    assert cells[4][1:] == ["ReLU, 1×1 mask B; ReLU, 1×1 mask B"] * 3
    assert cells[5][1:] == ["256-way softmax"] * 3


def test_the_cost_is_counted_from_the_sweeps():
    page = Page("Cost")
    lesson.tell_of_cost(page)
    for n in lesson.SIDES:
        assert f"| {n}×{n} | 1 | {n} | {2 * n - 1} |" in page.markdown()


def test_an_animation_has_a_frame_for_each_step():
    assert len(list(pictures.rows_frames(3, 4))) == 3
    frames = list(pictures.diagonals_frames(3, 3))
    assert len(frames) == 5 + len(pictures.GLIDE)
    assert len({frame.size for frame in frames}) == 1


def test_the_shift_is_drawn_with_a_leak_and_without():
    figure = pictures.shift_figure(3, 4, (1, 1))
    states = [axes.images[0].get_array().tolist() for axes in figure.axes]
    assert states[2][1] == [2, 3, 4, 4]  # seen, itself, leaks
    assert states[5][1] == [2, 3, 0, 0]
    assert states[5][0] == [2, 2, 2, 2]
