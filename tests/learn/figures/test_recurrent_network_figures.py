"""The figures of an LSTM's gates and of its cell."""

from __future__ import annotations

import torch

from chainrule.learn.figures import recurrent_network_figures as figures
from chainrule.learn.recurrent_networks import (
    Gates,
)
from chainrule.seeding import generator


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed, *shape), dtype=torch.float64)


def test_figures_label_gates_and_states():
    gates = Gates(*drawn(4, 12, 3).sigmoid())
    figure = figures.plot_gates(torch.ones(12), drawn(12, 3), drawn(12, 3, seed=1), gates)
    names = [axes.get_ylabel() for axes in figure.axes[:7]]
    assert names == ["bits", "output", "input", "forget", "content", "cell", "cell,\nfirst bit\nflipped"]
    words = {text.get_text() for text in figures.plot_lstm_cell().axes[0].texts}
    assert {"forget", "input", "content", "output", "$c_{i-1}$", "$c_i$", "$h_i$"} <= words
