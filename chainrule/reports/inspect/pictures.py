"""All pictures of one model, each with the words that go with it; what does not apply is left out, and said so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from chainrule.domains import Table
from chainrule.errors import ChainruleError
from chainrule.figures import (
    cell_figure,
    distributions_figure,
    expected_figure,
    expected_values_figure,
    fields_figure,
    growth_figure,
    is_picture,
    kernels_figure,
    made_masks_figure,
    made_matrices_figure,
    row_steps_figure,
    sites_figure,
    skewing_figure,
    to_png,
)
from chainrule.figures.cells import WIDER, excerpt
from chainrule.figures.data import MOST
from chainrule.figures.kernels import masked_convolutions
from chainrule.figures.masks import LARGEST, made_masks
from chainrule.formatting import counted
from chainrule.layers.lstm import DiagonalBiLSTM, RowLSTM
from chainrule.models import MADE, AutoregressiveModel, Independent, PixelCNN, PixelRNN
from chainrule.reports import Picture, Section
from chainrule.reports.inspect.facts import Fields

KNOWN = (Independent, MADE, PixelCNN, PixelRNN)
"""Models of which it is known how what they see grows with their depth, or that it does not."""


@dataclass(frozen=True, eq=False)
class Example:
    """A datum to show the model at work on.

    Attributes:
        x: [*shape].
        source: where it comes from, in words.
    """

    x: Tensor
    source: str


@dataclass(frozen=True)
class Tour:
    """All pictures of a model, and what is not shown of it, each with the reason."""

    sections: tuple[Section, ...]
    left_out: tuple[str, ...]

    @property
    def pictures(self) -> list[Picture]:
        """All of them."""
        return [picture for section in self.sections for picture in section.pictures]


def tour_of(
    model: AutoregressiveModel, fields: Fields | None, example: Example, sites: Sequence[int] | None = None
) -> Tour:
    """All pictures of a model.

    Args:
        fields: who sees whom, as `fields_of` gives it.
        sites: as numbered in the flattened datum; by default the central pixel for what is seen, and sites that
            are telling for the distributions.

    Raises:
        ChainruleError: an example or sites that the domain does not have, or too many sites.
    """
    sections = [masks(model), cells(model), receptive_fields(model, fields, sites)]
    left_out = []
    if isinstance(model.domain, Table):
        left_out.append("distributions: columns of a table have no values in common")
    else:
        sections.append(conditionals(model, example, sites))
    if not sections[0].pictures:
        left_out.append("masks: the model has no masked layers that are known here")
    if fields is None:
        left_out.append("receptive fields: the model does not say what it sees, and has too many sites to try")
    if fields is not None and model.domain.is_image and not isinstance(model, KNOWN):
        left_out.append("the growth of receptive fields with depth: it is known of PixelCNN and PixelRNN alone")
    return Tour(tuple(section for section in sections if section.pictures), tuple(left_out))


def check_count(model: AutoregressiveModel, sites: Sequence[int]) -> None:
    """Raises ChainruleError where the sites, and the first of the order, are more than a figure of them holds."""
    if len(with_first(model, sites)) > MOST:
        channels = model.domain.shape[0] if model.domain.is_image else 1
        each = f" (a pixel without a channel counts as {channels})" if channels > 1 else ""
        raise ChainruleError(f"{len(sites)} sites{each} are too many for one figure; choose at most {MOST - 1}")


def masks(model: AutoregressiveModel) -> Section:
    """The masks of MADE, of all kinds of masked convolutions, and of recurrent cells."""
    text = (
        "A mask multiplies a layer's weights by zero where an output may not see an input. Blue is open, gray is "
        "closed."
    )
    pictures = [made_picture(model), kernels_picture(model), gates_picture(model)]
    return Section("Masks", text, [picture for picture in pictures if picture is not None])


def made_picture(model: AutoregressiveModel) -> Picture | None:
    """The masks of a MADE; as a network too, where it is small."""
    if not isinstance(model, MADE):
        return None
    widest = max(max(mask.shape) for mask in made_masks(model).masks)
    draw, words = (made_masks_figure, "numbers in the hidden units are their degrees; ") if widest <= LARGEST else (
        made_matrices_figure, "hidden units are sorted by their degree; ")  # fmt: skip
    caption = (
        f"The masks of MADE: {words}hidden unit k may see the inputs d ≤ m(k), output d the units with m(k) < d. "
        "Their product has no path from an input to its own output or to an earlier one."
    )
    return _picture("masks", draw(model), caption, "The masks of the model's layers")


def kernels_picture(model: AutoregressiveModel) -> Picture | None:
    """The kernels of masked convolutions, one of each kind."""
    kernels = masked_convolutions(model)
    if not kernels:
        return None
    caption = (
        "The kernels of the masked convolutions, from colour to colour. All pixels before the framed one are "
        "open. At the pixel itself mask A, of the first layer, opens only the colours that come before; mask B, of "
        "the layers after it, the colour itself too."
    )
    return _picture("kernels", kernels_figure(kernels), caption, "Kernels with mask A and mask B")


def gates_picture(model: AutoregressiveModel) -> Picture | None:
    """What a recurrent cell reads, gate by gate."""
    cell = cell_of(model)
    if cell is None:
        return None
    caption = (
        "What the LSTM reads. Left, of its input: each of the four gates is grouped by colour, and mask B opens "
        "to each group what its colour may see. Right, the states of other pixels: all of those come before, and "
        "no mask is needed."
    )
    figure = cell_figure(cell, model.domain.shape[0])
    return _picture("gates", figure, caption, "The input-to-state mask by gates, the state-to-state taps")


def cells(model: AutoregressiveModel) -> Section:
    """How a recurrent cell goes through the image."""
    cell, (height, width) = cell_of(model), model.domain.shape[-2:] if model.domain.is_image else (0, 0)
    part = excerpt_in_words((height, width), WIDER if isinstance(cell, RowLSTM) else 0)
    text = "Pixels with one number are computed in one step, in parallel; the numbers count the steps."
    if isinstance(cell, DiagonalBiLSTM):
        caption = (
            "The Diagonal BiLSTM. The step of a pixel is its column plus its row. Each row is shifted by one column "
            f"against the row above, so that a step is a column: {height}×{width} pixels become "
            f"{height}×{height + width - 1}. Arrows: the two states that a step reads, from beside and from above, "
            "which stand in one column of the skewed map. The scan from the right is shifted down by one row before "
            f"the two are added, since it has seen pixels to come.{part}"
        )
        picture = _picture("skewing", skewing_figure(height, width), caption, "An image and its skewed map, by step")
        return Section("Steps of the recurrent layer", text, [picture])
    if isinstance(cell, RowLSTM):
        caption = (
            "The Row LSTM. Left: a row is a step; arrows: the three states of the row above that it reads. Right: "
            f"through them, one column more on either side with each row back, its state knows a triangle.{part}"
        )
        if height == 1:
            caption = f"The Row LSTM. A row is a step; this image has one alone, and no row above to read.{part}"
        picture = _picture("steps", row_steps_figure(height, width), caption, "An image by rows, and a triangle above")
        return Section("Steps of the recurrent layer", text, [picture])
    return Section("", "", [])


def excerpt_in_words(shape: tuple[int, int], wider: int) -> str:
    """Which part of an image of that height and width is drawn, where it is not all.

    Example:
        >>> excerpt_in_words((28, 5), wider=0), excerpt_in_words((4, 5), wider=0)
        (' Drawn is an excerpt: the first 6 rows and 5 columns of 28×5 pixels.', '')
    """
    rows, columns = excerpt(*shape, wider)
    if (rows, columns) == shape:
        return ""
    drawn = f"{counted(rows, 'row')} and {counted(columns, 'column')}"
    return f" Drawn is an excerpt: the first {drawn} of {shape[0]}×{shape[1]} pixels."


def cell_of(model: AutoregressiveModel) -> RowLSTM | DiagonalBiLSTM | None:
    """The first recurrent layer, if there is one."""
    return next((layer for layer in model.modules() if isinstance(layer, RowLSTM | DiagonalBiLSTM)), None)


def receptive_fields(model: AutoregressiveModel, fields: Fields | None, sites: Sequence[int] | None) -> Section:
    """What the conditionals see of what is before them."""
    if fields is None:
        return Section("", "", [])
    domain, seen = model.domain, fields.seen
    text = (
        "What the conditional of a site can depend on. Light blue is the blind spot: what comes before the site, and "
        f"is not seen. This is known {fields.how}."
    )
    if not domain.is_image:
        caption = "Each row is a conditional: which sites before it, in the model's order, does it see?"
        matrix = _picture("fields", sites_figure(seen, model.order), caption, "Who sees whom")
        return Section("Receptive fields", text, [matrix])
    chosen = centre(model) if sites is None else list(dict.fromkeys(sites))
    pictures = [
        _picture(
            f"fields{'' if len(parts) == 1 else f'-{number}'}",
            fields_figure(seen, model.order, domain, part),
            "What is seen by the conditional of the orange site"
            + (", channel by channel: a row is a conditional." if domain.shape[0] > 1 else "."),
            f"Receptive fields of {counted(len(part), 'site')}",
        )
        for parts in [pages(model, chosen)]
        for number, part in enumerate(parts, 1)
    ]
    return Section("Receptive fields", text, [*pictures, *growth(model, chosen[0])])


def pages(model: AutoregressiveModel, sites: Sequence[int]) -> list[list[int]]:
    """The sites of each picture: of gray images all in one; in colour those of a pixel in one."""
    channels, height, width = model.domain.shape
    if channels == 1:
        return [list(sites)]
    pixels: dict[int, list[int]] = {}
    for site in sites:
        pixels.setdefault(site % (height * width), []).append(site)
    return list(pixels.values())


def centre(model: AutoregressiveModel) -> list[int]:
    """The central pixel, all of its channels."""
    channels, height, width = model.domain.shape
    return [channel * height * width + height // 2 * width + width // 2 for channel in range(channels)]


def growth(model: AutoregressiveModel, site: int) -> list[Picture]:
    """What is seen by the same model with fewer layers, if it is one whose layers are known."""
    found = depths(model)
    if found is None:
        return []
    name, numbers = found
    seen = {in_words(number, name): shallower(model, name, number).receptive_field() for number in numbers}
    known = {words: each for words, each in seen.items() if each is not None}
    figure = growth_figure(known, model.order, model.domain, site)
    caption = (
        f"How what is seen by {model.domain.describe_site(site)} grows with the number of {name}. A pixel counts as "
        "seen where one of its channels is."
    )
    return [_picture("growth", figure, caption, "Receptive fields of models with more and more layers")]


def depths(model: AutoregressiveModel) -> tuple[str, list[int]] | None:
    """What a model's layers are called as an argument, and at most four numbers of them up to its own."""
    if not isinstance(model, PixelCNN | PixelRNN):
        return None
    name, deepest = ("blocks", model.blocks) if isinstance(model, PixelCNN) else ("layers", model.layers)
    least = 1 if isinstance(model, PixelRNN) and model.full_context else 0
    return name, sorted({least, min(1, deepest), max(least, deepest // 2), deepest})


def shallower(model: AutoregressiveModel, name: str, depth: int) -> AutoregressiveModel:
    """The model with another number of layers, and as few features as can be: what is seen does not depend on them."""
    arguments: dict[str, Any] = {**model.arguments, name: depth, "features": model.domain.shape[0]}
    return type(model)(**arguments)


def in_words(number: int, name: str) -> str:
    """So many layers.

    Example:
        >>> in_words(0, "blocks"), in_words(1, "blocks")
        ('first layer alone', '1 block')
    """
    return "first layer alone" if number == 0 else f"{number} {name.removesuffix('s') if number == 1 else name}"


def conditionals(model: AutoregressiveModel, example: Example, sites: Sequence[int] | None) -> Section:
    """The distributions behind some sites of one datum, and maps of what each site is expected to be and costs."""
    text = (
        f"The model at work on {example.source}. Each distribution is that of one site given the true values of all "
        "sites before it, and of none after."
    )
    chosen = None if sites is None else with_first(model, sites)
    how = "the first site of the order, of which nothing is known yet, and "
    how += "sites for which the model is neither certain nor clueless" if sites is None else "those that were chosen"
    bars = _picture(
        "distributions",
        distributions_figure(model, example.x, chosen, nats=False),  # what sites cost is in the next picture
        f"The probability of each of the {model.domain.levels} values: {how}. Orange is the true value.",
        "Predicted distributions of some sites",
    )
    drawable = is_picture(model.domain)
    figure = (expected_figure if drawable else expected_values_figure)(model, example.x)
    caption = (
        "What is expected at each site given the true values before it (the mean of its conditional; of binary sites "
        "the probability of a 1), and what the site's true value then costs in bits, −log_{2} p: together the "
        "datum's code length."
    )
    return Section("Conditionals", text, [bars, _picture("expected", figure, caption, "Expected values and bits")])


def with_first(model: AutoregressiveModel, sites: Sequence[int]) -> list[int]:
    """The first site of the order, then these, each once."""
    return list(dict.fromkeys([model.order.permutation[0], *sites]))


def _picture(name: str, figure: Figure, caption: str, alt: str) -> Picture:
    return Picture(name, to_png(figure), caption, alt)
