"""Learning curves show each epoch, and mark the epoch that was kept."""

import math

from chainrule.figures import learning_curves_figure, to_png, training_time_figure
from chainrule.figures.learning_curves import nats_limits
from chainrule.training import EpochMetrics, History
from tests.support.figures import history_by_minutes, legend_labels


def epoch(number, train, valid):
    return EpochMetrics(number, number, train, valid, valid, 0.1, 1.0, float(number))


def test_learning_curves_show_each_model_and_mark_the_epoch_that_was_kept():
    first = History([epoch(1, 90.0, 80.0), epoch(2, 20.0, 22.0), epoch(3, 15.0, 25.0)], best=2)
    second = History([epoch(1, 60.0, math.nan), epoch(2, 30.0, math.nan)], best=2)
    figure = learning_curves_figure({"one": first, "two": second}, title="curves")
    (axes,) = figure.axes
    train, valid, kept = axes.lines[:3]
    assert train.get_ydata().tolist() == [90, 20, 15]
    assert valid.get_ydata().tolist() == [80, 22, 25]
    assert (kept.get_xdata().tolist(), kept.get_ydata().tolist()) == ([2], [22])
    low, high = axes.get_ylim()
    assert low < 15
    assert 30 < high < 60
    assert {"one", "two", "training", "validation", "epoch kept"} <= set(legend_labels(figure))
    assert figure.get_suptitle() == "curves"
    assert nats_limits([History([epoch(1, 0.0, 0.0)], best=1)])[0] < 0


def test_the_legend_of_five_learning_curves_fits():
    names = ["Independent", "MADE", "PixelCNN", "Row LSTM", "Diagonal BiLSTM"]
    record = History([epoch(1, 90.0, 80.0), epoch(2, 20.0, 22.0)], best=2)
    figure = learning_curves_figure(dict.fromkeys(names, record))
    to_png(figure)
    extent = figure.legends[0].get_window_extent()
    assert 0 <= extent.x0 < extent.x1 <= figure.bbox.width
    assert extent.y0 >= 0
    columns = ["Independent", "Row LSTM", "training"], ["MADE", names[4], "validation"], ["PixelCNN", " ", "epoch kept"]
    assert legend_labels(figure) == [word for column in columns for word in column]


def test_the_time_of_training_is_shown_in_minutes():
    figure = training_time_figure({"one": history_by_minutes(9.0, 5.0, 6.0), "other": history_by_minutes(7.0)})
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["one"].get_xdata()) == [0.5, 1.0, 1.5]
    assert list(lines["one"].get_ydata()) == [9.0, 5.0, 6.0]
    assert (list(axes.lines[1].get_xdata()), list(axes.lines[1].get_ydata())) == ([1.0], [5.0])
    low, high = axes.get_ylim()
    assert low < 5.0
    assert 7.0 < high < 9.0


def test_a_legend_reads_row_by_row():
    figure = training_time_figure({f"model {number}": history_by_minutes(9.0, 5.0) for number in range(4)})
    to_png(figure)
    lines = {}
    for text in figure.legends[0].get_texts():
        corner = text.get_window_extent()
        lines.setdefault(round(-corner.y0), []).append((corner.x0, text.get_text()))
    assert [name for _, line in sorted(lines.items()) for _, name in sorted(line)] == [f"model {n}" for n in range(4)]
