"""Pictures of a comparison, each with the words that go with it; every number in them is measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from chainrule.domains import Domain, Order, channel_name
from chainrule.figures import receptive_field_comparison_figure, sample_grids_figure, to_png, training_time_figure
from chainrule.reports import Picture, Section
from chainrule.reports.trained_model import Trained


def by_minutes(runs: Sequence[Trained], names: Sequence[str]) -> Section:
    """Validation NLL by minutes, in the colours that the models of all these names have together."""
    picture = Picture(
        "minutes",
        to_png(training_time_figure({run.name: run.history for run in runs}, names)),
        "Validation NLL by minutes of training and validation, after each epoch; the beginning is cut off. The dot is "
        "the epoch whose weights were kept, that with the lowest validation NLL.",
        "Validation NLL of each model by minutes of training",
    )
    return Section("", "", [picture])


def samples(drawn: Mapping[str, Tensor], test: Tensor, domain: Domain) -> Section:
    """What each model drew, beside real data."""
    count = len(next(iter(drawn.values())))
    picture = Picture(
        "samples",
        to_png(sample_grids_figure({**drawn, "test images": test[:count]}, domain)),
        f"The first {count} draws of each model, not selected, and the first test images.",
        "Samples of each model, and test images",
    )
    return Section("", "", [picture])


def fields(fields_: Mapping[str, Tensor | None], order: Order, domain: Domain) -> Section | None:
    """What one pixel sees in each model, the last of its colours; none where no model says.

    Args:
        fields_: each model's receptive field, bool [D, D]; None where it does not say.
    """
    known = {name: seen for name, seen in fields_.items() if seen is not None}
    if not known:
        return None
    row, column = telling_pixel(known, order, domain)
    last = domain.shape[0] - 1
    colours = (
        f" It is the last of its colours, {channel_name(last, last + 1)}, that is predicted; another pixel counts as "
        "seen where at least one of its colours is."
    )
    picture = Picture(
        "receptive-fields",
        to_png(receptive_field_comparison_figure(known, order, domain, last_site(row, column, domain))),
        f"What each model can see when it predicts the orange pixel (row {row}, column {column}), as it follows from "
        f"kernels, masks and recurrences.{colours if last else ''}",
        "Receptive field of one pixel in each model",
    )
    return Section("", "", [picture])


def telling_pixel(seen: Mapping[str, Tensor], order: Order, domain: Domain) -> tuple[int, int]:
    """The pixel in the middle; where it sees all of its past in every model, one further down and left.

    Of a single row or column, the last one: it is that of which most can be out of sight.
    """
    _, height, width = domain.shape
    middle, low = (height // 2, width // 2), (5 * height // 8, width // 4)
    if 1 in (height, width):
        low = height - 1, width - 1
    site = last_site(*middle, domain)
    before = order.past(site)
    return low if all(bool(each[site].cpu()[before].all()) for each in seen.values()) else middle


def last_site(row: int, column: int, domain: Domain) -> int:
    """The site of a pixel's last colour."""
    colours, height, width = domain.shape
    return ((colours - 1) * height + row) * width + column
