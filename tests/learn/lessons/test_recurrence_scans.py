"""The claims of the lesson on the recurrent layers of PixelRNN."""

from __future__ import annotations

import pytest

from chainrule.domains import Binary, Levels
from chainrule.learn.lessons import recurrence_scans as lesson
from chainrule.learn.pixelrnn_scans import (
    PlainDiagonalBiLSTM,
    PlainRowLSTM,
    replace_layers,
)
from chainrule.models.pixelrnn import PixelRNN
from chainrule.reports import Page


def test_the_plain_layers_equal_the_librarys_layers():
    assert lesson.max_logit_difference("row", PlainRowLSTM) < 1e-11
    assert lesson.max_logit_difference("diagonal", PlainDiagonalBiLSTM) < 1e-11


def predict_leaks(lift: int) -> set[tuple[int, int]]:
    """Return the leaking pairs if the scan from the right is shifted up by `lift` rows; -1 is correct."""
    _, height, width = lesson.GRAY
    pixels = [(row, column) for row in range(height) for column in range(width)]

    def kernel_pixels(feature):  # the pixels of the 7×7 kernel through mask A
        row, column = feature
        return {p for p in pixels if p < feature and row - 3 <= p[0] and abs(p[1] - column) <= 3}

    def visible_pixels(pixel):
        row, column = pixel
        features = {p for p in pixels if p[0] <= row and p[1] <= column} | {pixel}
        if 0 <= row + lift < height:
            features |= {p for p in pixels if p[0] <= row + lift and p[1] >= column}
        return set().union(*map(kernel_pixels, features))

    return {(i, j) for i, p in enumerate(pixels) for j in map(pixels.index, visible_pixels(p)) if j >= i}


@pytest.mark.parametrize(
    ("kind", "lift"),
    [(PlainDiagonalBiLSTM, -1), (lesson.WithoutShift, 0), (lesson.ShiftUp, 1)],
    ids=["correct", "no shift", "shift up"],
)
def test_a_wrong_shift_leaks_the_predicted_pairs(kind, lift):
    model = PixelRNN(Binary(lesson.GRAY), "diagonal", layers=1, features=3)
    report = lesson.find_leaks(replace_layers(model, kind))
    assert set(report.leaks) == predict_leaks(lift)
    assert report.passed == (kind is PlainDiagonalBiLSTM)


def test_padding_at_the_bottom_is_found():
    model = PixelRNN(Binary(lesson.GRAY), "diagonal", layers=1, features=3)
    report = lesson.find_leaks(replace_layers(model, lesson.ReadRowBelow))
    assert not report.passed
    assert max(down for down, _ in report.leaks_by_offset) > 0


def test_one_mask_for_all_gates_is_found_and_one_mask_per_gate_passes():
    report = lesson.find_leaks(lesson.apply_one_mask())
    assert set(report.leaks_by_offset) == {(0, 0)}
    assert report.leaks_by_channel.tolist() == [[4, 4, 0], [0, 4, 0], [0, 0, 0]]
    assert lesson.find_leaks(PixelRNN(Levels(lesson.COLOUR, lesson.LEVELS), "diagonal", layers=1, features=6)).passed


def test_the_diagonal_bilstm_misses_one_pixel_and_full_context_none():
    models = lesson.make_models(lesson.SIDE, lesson.DEPTH)
    site = lesson.PIXEL[0] * lesson.SIDE + lesson.PIXEL[1]
    missed = {
        name: (model.order.past(site) & ~model.receptive_field()[site]).nonzero().flatten().tolist()
        for name, model in models.items()
    }
    assert missed["Diagonal BiLSTM"] == [lesson.PIXEL[0] * lesson.SIDE - 1]  # the last of the row above
    assert missed["full context"] == []
    assert set(missed["Diagonal BiLSTM"]) < set(missed["Row LSTM"]) < set(missed["PixelCNN"])


def test_table_1_equals_the_table_of_the_paper():
    page = Page("Table 1")
    lesson.add_table_1(page)
    lines = [line for line in page.markdown().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[2][1:] == ["7×7 mask A"] * 3
    assert cells[3][1:] == ["conv 3×3 mask B", "i-s 3×1 mask B, s-s 3×1 no mask", "i-s 1×1 mask B, s-s 2×1 no mask"]
    assert cells[4][1:] == ["ReLU, 1×1 mask B; ReLU, 1×1 mask B"] * 3
    assert cells[5][1:] == ["256-way softmax"] * 3


def test_the_sequential_steps_are_counted_from_the_scan_plans():
    page = Page("Cost")
    lesson.add_cost(page)
    for n in lesson.SIDES:
        assert f"| {n}×{n} | 1 | {n} | {2 * n - 1} |" in page.markdown()
