"""The figure of likelihoods shows means with two standard errors, in the colours of the other figures."""

import math

from chainrule.figures import likelihoods_figure, training_time_figure
from chainrule.inference import Evaluation
from tests.support.figures import history_by_minutes


def test_likelihoods_are_drawn_with_two_standard_errors():
    figure = likelihoods_figure({"a": Evaluation(20.0, 0.5, 9, 4), "b": Evaluation(15.0, math.nan, 1, 4)})
    (axes,) = figure.axes
    spans = [container.lines[2][0].get_segments()[0][:, 0].tolist() for container in axes.containers]
    assert spans == [[19.0, 21.0], [15.0, 15.0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_a_model_has_the_same_colour_in_all_figures_of_a_report():
    results = {name: Evaluation(9.0, 0.5, 9, 4) for name in ("baseline", "one", "other")}
    histories = {"one": history_by_minutes(9.0, 5.0), "other": history_by_minutes(7.0, 6.0)}
    curves = training_time_figure(histories, names=list(results)).axes[0].lines
    rows = [each.lines[0].get_color() for each in likelihoods_figure(results).axes[0].containers]
    assert [line.get_color() for line in curves] == [rows[1], rows[1], rows[2], rows[2]]
    assert rows[0] not in rows[1:]
