"""The animations of the recurrent layers, and the figure of the shift."""

from __future__ import annotations

from chainrule.learn.figures import scan_figures as figures


def test_an_animation_has_a_frame_for_each_step():
    assert len(list(figures.draw_row_frames(3, 4))) == 3
    frames = list(figures.draw_diagonal_frames(3, 3))
    assert len(frames) == 5 + len(figures.SHIFTS)
    assert len({frame.size for frame in frames}) == 1


def test_the_shift_is_plotted_with_a_leak_and_without():
    figure = figures.plot_shift(3, 4, pixel=(1, 1))
    states = [axes.images[0].get_array().tolist() for axes in figure.axes]
    assert states[2][1] == [2, 3, 4, 4]  # seen, itself, leaks
    assert states[5][1] == [2, 3, 0, 0]
    assert states[5][0] == [2, 2, 2, 2]
