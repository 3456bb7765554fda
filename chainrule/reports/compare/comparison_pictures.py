"""The pictures of a comparison with their captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from chainrule.domains import Domain, Order, channel_name
from chainrule.figures import receptive_field_comparison_figure, sample_grids_figure, to_png, training_time_figure
from chainrule.reports.sections import Picture, Section
from chainrule.reports.trained_model import TrainedModel


def training_time_section(models: Sequence[TrainedModel], names: Sequence[str]) -> Section:
    """Draw the validation NLL by minutes of training.

    Args:
        models: the trained models.
        names: the names of all models of the report, which give the colours.
    """
    figure = training_time_figure({model.name: model.history for model in models}, names=names)
    caption = (
        "Validation NLL by minutes of training and validation, after each epoch; the beginning is cut off. The dot is "
        "the epoch whose weights were kept, that with the lowest validation NLL."
    )
    return _section("minutes", to_png(figure), caption, "Validation NLL of each model by minutes of training")


def samples_section(samples: Mapping[str, Tensor], test: Tensor, domain: Domain) -> Section:
    """Draw the samples of each model, and as many test images."""
    count = len(next(iter(samples.values())))
    figure = sample_grids_figure({**samples, "test images": test[:count]}, domain)
    caption = f"The first {count} draws of each model, not selected, and the first test images."
    return _section("samples", to_png(figure), caption, "Samples of each model, and test images")


def receptive_field_section(fields: Mapping[str, Tensor | None], order: Order, domain: Domain) -> Section | None:
    """Draw the receptive field of one pixel in each model; in colour, of the pixel's last channel.

    Args:
        fields: the receptive fields by the name of the model, bool [D, D]; None where the model does not know.
        order: the order of the sites.
        domain: a domain of images.

    Returns:
        None where no model knows its receptive field.
    """
    known = {name: field for name, field in fields.items() if field is not None}
    if not known:
        return None
    row, column = choose_pixel(known, order, domain)
    last = domain.shape[0] - 1
    in_colour = (
        f" It is the last of its colours, {channel_name(last, last + 1)}, that is predicted; another pixel counts as "
        "seen where at least one of its colours is."
    )
    figure = receptive_field_comparison_figure(known, order, domain, last_site(row, column, domain))
    caption = (
        f"What each model can see when it predicts the orange pixel (row {row}, column {column}), as it follows from "
        f"kernels, masks and recurrences.{in_colour if last else ''}"
    )
    return _section("receptive-fields", to_png(figure), caption, "Receptive field of one pixel in each model")


def choose_pixel(fields: Mapping[str, Tensor], order: Order, domain: Domain) -> tuple[int, int]:
    """Return the row and column of a pixel whose receptive fields differ between models, where there is one.

    It is the central pixel, or, if this pixel depends on all of its past in every model, a pixel below and left of it.
    Of a single row or column the last pixel takes the place of the latter: most pixels are before it.
    """
    _, height, width = domain.shape
    centre, low = (height // 2, width // 2), (5 * height // 8, width // 4)
    if 1 in (height, width):
        low = height - 1, width - 1
    site = last_site(*centre, domain)
    before = order.past(site)
    return low if all(bool(field[site].cpu()[before].all()) for field in fields.values()) else centre


def last_site(row: int, column: int, domain: Domain) -> int:
    """Return the site of the last channel of a pixel."""
    channels, height, width = domain.shape
    return ((channels - 1) * height + row) * width + column


def _section(name: str, png: bytes, caption: str, alt: str) -> Section:
    return Section("", "", [Picture(name, png, caption, alt)])
