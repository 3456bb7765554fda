"""The progress bar of several stages moves forward only, and training moves it batch by batch."""

import torch

from chainrule.domains import Binary
from chainrule.models import Independent
from chainrule.reports import MultiStageProgress, track_training
from chainrule.training import fit


class RecordingBar:
    """Stands for a progress bar, and records its position and its notes."""

    def __init__(self):
        self.percent, self.notes = [0], []

    def __call__(self, steps=1):
        self.percent.append(self.percent[-1] + steps)

    def note(self, text):
        self.notes.append(text)


def test_the_bar_goes_through_all_stages_and_never_back():
    bar = RecordingBar()
    stages = MultiStageProgress(bar, total_seconds=40.0)
    with stages.stage(30.0, "long") as progress:
        progress(0.5, ", half")
        assert bar.percent[-1] == 37
        progress(0.2)
        progress(7.0)
    assert bar.percent[-1] == 75
    with stages.stage(10.0, "short"):
        pass
    assert bar.percent[-1] == 100
    assert bar.percent == sorted(bar.percent)
    assert bar.notes[1] == "long, half"


def test_training_is_tracked_batch_by_batch():
    reported = []
    model, x = Independent(Binary((4,))), torch.zeros(10, 4, dtype=torch.uint8)
    hook = track_training(model, 10, 3, lambda fraction, suffix="": reported.append((round(fraction, 3), suffix)))
    fit(model, x, x, epochs=3, batch_size=4, progress=False)
    hook.remove()
    assert [fraction for fraction, _ in reported] == [round(n / 30, 3) for n in (4, 8, 10, 14, 18, 20, 24, 28, 30)]
    assert [suffix for _, suffix in reported] == [f", epoch {epoch}" for epoch in (1, 1, 1, 2, 2, 2, 3, 3, 3)]
