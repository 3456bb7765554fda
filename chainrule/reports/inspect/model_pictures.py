"""The pictures of one model with their captions, and the pictures that are left out, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from torch import Tensor

from chainrule.domains import Table
from chainrule.errors import ChainruleError
from chainrule.figures import (
    MAX_SITES,
    MAX_UNITS,
    ROW_LSTM_EXTRA_COLUMNS,
    dependence_matrix_figure,
    distributions_figure,
    excerpt_shape,
    expected_image_figure,
    expected_values_figure,
    find_masked_convolutions,
    is_drawable,
    kernels_figure,
    lstm_cell_figure,
    made_mask_matrices_figure,
    made_masks_figure,
    receptive_field_comparison_figure,
    receptive_fields_figure,
    row_steps_figure,
    site_masks,
    skewing_figure,
    to_png,
)
from chainrule.formatting import counted
from chainrule.layers.lstm import DiagonalBiLSTM, RowLSTM
from chainrule.models import AutoregressiveModel
from chainrule.reports import Picture, Section
from chainrule.reports.inspect.model_summary import ReceptiveFields


@dataclass(frozen=True, eq=False)
class Example:
    """A datum at which the conditionals of a model are shown.

    Attributes:
        x: [*shape].
        source: the origin of the datum in words.
    """

    x: Tensor
    source: str


@dataclass(frozen=True)
class ModelPictures:
    """The pictures of a model by section, and the names of pictures that are left out, each with the reason."""

    sections: tuple[Section, ...]
    left_out: tuple[str, ...]

    @property
    def pictures(self) -> list[Picture]:
        """The pictures of all sections."""
        return [picture for section in self.sections for picture in section.pictures]


def draw_pictures(
    model: AutoregressiveModel,
    fields: ReceptiveFields | None,
    example: Example,
    *,
    sites: Sequence[int] | None = None,
) -> ModelPictures:
    """Draw all pictures of a model.

    Args:
        model: the model.
        fields: the result of `find_receptive_fields`.
        example: the datum at which the conditionals are shown.
        sites: indices of sites in the flattened datum; by default the central pixel for receptive fields, and
            informative sites for the conditionals.

    Raises:
        ChainruleError: an example or sites that the domain does not have, or too many sites.
    """
    by_depth = model.receptive_fields_by_depth() if model.domain.is_image and fields is not None else {}
    sections = [
        masks_section(model),
        steps_section(model),
        receptive_fields_section(model, fields, by_depth or {}, sites),
    ]
    left_out = []
    if isinstance(model.domain, Table):
        left_out.append("distributions: columns of a table have no values in common")
    else:
        sections.append(conditionals_section(model, example, sites))
    if not sections[0].pictures:
        left_out.append("masks: the model has no masked layers that are known here")
    if fields is None:
        left_out.append("receptive fields: the model does not say what it sees, and has too many sites to try")
    if by_depth is None:
        left_out.append("the growth of receptive fields with depth: the model does not say")
    return ModelPictures(tuple(section for section in sections if section.pictures), tuple(left_out))


def check_site_count(model: AutoregressiveModel, sites: Sequence[int]) -> None:
    """Check that the sites and the first site of the order fit into one figure of conditionals.

    Raises:
        ChainruleError: too many sites.
    """
    if len(with_first_site(model, sites)) > MAX_SITES:
        channels = model.domain.shape[0] if model.domain.is_image else 1
        note = f" (a pixel without a channel counts as {channels})" if channels > 1 else ""
        raise ChainruleError(f"{len(sites)} sites{note} are too many for one figure; choose at most {MAX_SITES - 1}")


def masks_section(model: AutoregressiveModel) -> Section:
    """Draw the masks of fully connected layers, of masked convolutions and of recurrent cells."""
    text = (
        "A mask multiplies a layer's weights by zero where an output may not see an input. Blue is open, gray is "
        "closed."
    )
    pictures = [_made_picture(model), _kernels_picture(model), _gates_picture(model)]
    return Section("Masks", text, [picture for picture in pictures if picture is not None])


def steps_section(model: AutoregressiveModel) -> Section:
    """Draw the steps of the recurrent layer; without one the section is empty."""
    cell = _recurrent_layer(model)
    if cell is None:
        return Section("", "", [])
    height, width = model.domain.shape[-2:]
    text = "Pixels with one number are computed in one step, in parallel; the numbers count the steps."
    picture = (_row_picture if isinstance(cell, RowLSTM) else _diagonal_picture)(height, width)
    return Section("Steps of the recurrent layer", text, [picture])


def receptive_fields_section(
    model: AutoregressiveModel,
    fields: ReceptiveFields | None,
    by_depth: Mapping[int, Tensor],
    sites: Sequence[int] | None,
) -> Section:
    """Draw the receptive fields of the sites, and their growth with depth; of rows, the dependence matrix."""
    if fields is None:
        return Section("", "", [])
    domain, seen = model.domain, fields.seen
    text = (
        "What the conditional of a site can depend on. Light blue is the blind spot: what comes before the site, and "
        f"is not seen. This is known {fields.how}."
    )
    if not domain.is_image:
        caption = "Each row is a conditional: which sites before it, in the model's order, does it see?"
        matrix = _picture("fields", dependence_matrix_figure(seen, model.order), caption, "The dependence matrix")
        return Section("Receptive fields", text, [matrix])
    chosen = central_pixel(model) if sites is None else list(dict.fromkeys(sites))
    groups = group_by_picture(model, chosen)
    by_channel = ", channel by channel: a row is a conditional." if domain.shape[0] > 1 else "."
    pictures = [
        _picture(
            f"fields{'' if len(groups) == 1 else f'-{number}'}",
            receptive_fields_figure(seen, model.order, domain, group),
            f"What is seen by the conditional of the orange site{by_channel}",
            f"Receptive fields of {counted(len(group), 'site')}",
        )
        for number, group in enumerate(groups, 1)
    ]
    return Section("Receptive fields", text, [*pictures, *_growth_pictures(model, by_depth, chosen[0])])


def conditionals_section(model: AutoregressiveModel, example: Example, sites: Sequence[int] | None) -> Section:
    """Draw the conditionals of some sites of the example, and the expected value and bits of each site."""
    text = (
        f"The model at work on {example.source}. Each distribution is that of one site given the true values of all "
        "sites before it, and of none after."
    )
    chosen = None if sites is None else with_first_site(model, sites)
    how = "the first site of the order, of which nothing is known yet, and "
    how += "sites for which the model is neither certain nor clueless" if sites is None else "those that were chosen"
    distributions = _picture(
        "distributions",
        distributions_figure(model, example.x, chosen, show_nats=False),  # the next picture has the bits of each site
        f"The probability of each of the {model.domain.levels} values: {how}. Orange is the true value.",
        "Predicted distributions of some sites",
    )
    figure = (expected_image_figure if is_drawable(model.domain) else expected_values_figure)(model, example.x)
    caption = (
        "What is expected at each site given the true values before it (the mean of its conditional; of binary sites "
        "the probability of a 1), and what the site's true value then costs in bits, −log_{2} p: together the "
        "datum's code length."
    )
    expected = _picture("expected", figure, caption, "Expected values and bits")
    return Section("Conditionals", text, [distributions, expected])


def central_pixel(model: AutoregressiveModel) -> list[int]:
    """Return the sites of the central pixel, one for each channel."""
    channels, height, width = model.domain.shape
    return [channel * height * width + height // 2 * width + width // 2 for channel in range(channels)]


def group_by_picture(model: AutoregressiveModel, sites: Sequence[int]) -> list[list[int]]:
    """Return the sites of each picture: all sites of a gray image in one, in colour the sites of one pixel."""
    channels, height, width = model.domain.shape
    if channels == 1:
        return [list(sites)]
    pixels: dict[int, list[int]] = {}
    for site in sites:
        pixels.setdefault(site % (height * width), []).append(site)
    return list(pixels.values())


def with_first_site(model: AutoregressiveModel, sites: Sequence[int]) -> list[int]:
    """Return the first site of the order and then the sites, each once."""
    return list(dict.fromkeys([model.order.permutation[0], *sites]))


def describe_excerpt(shape: tuple[int, int], extra_columns: int) -> str:
    """Return a sentence about the part of an image of (height, width) that is drawn; empty where all of it is.

    Example:
        >>> describe_excerpt((28, 5), extra_columns=0), describe_excerpt((4, 5), extra_columns=0)
        (' Drawn is an excerpt: the first 6 rows and 5 columns of 28×5 pixels.', '')
    """
    rows, columns = excerpt_shape(*shape, extra_columns)
    if (rows, columns) == shape:
        return ""
    drawn = f"{counted(rows, 'row')} and {counted(columns, 'column')}"
    return f" Drawn is an excerpt: the first {drawn} of {shape[0]}×{shape[1]} pixels."


def describe_depth(depth: int, name: str) -> str:
    """Return a number of layers in words.

    Example:
        >>> describe_depth(0, "blocks"), describe_depth(1, "blocks")
        ('first layer alone', '1 block')
    """
    return "first layer alone" if depth == 0 else f"{depth} {name.removesuffix('s') if depth == 1 else name}"


def _made_picture(model: AutoregressiveModel) -> Picture | None:
    """Draw the masks of fully connected layers; of a small network also as a network."""
    if not model.layer_masks():
        return None
    widest = max(max(mask.shape) for mask in site_masks(model).masks)
    if widest <= MAX_UNITS:
        figure, units = made_masks_figure(model), "numbers in the hidden units are their degrees"
    else:
        figure, units = made_mask_matrices_figure(model), "hidden units are sorted by their degree"
    caption = (
        f"The masks of MADE: {units}; hidden unit k may see the inputs d ≤ m(k), output d the units with m(k) < d. "
        "Their product has no path from an input to its own output or to an earlier one."
    )
    return _picture("masks", figure, caption, "The masks of the model's layers")


def _kernels_picture(model: AutoregressiveModel) -> Picture | None:
    """Draw the kernels of masked convolutions, one of each kind."""
    kernels = find_masked_convolutions(model)
    if not kernels:
        return None
    caption = (
        "The kernels of the masked convolutions, from colour to colour. All pixels before the framed one are "
        "open. At the pixel itself mask A, of the first layer, opens only the colours that come before; mask B, of "
        "the layers after it, the colour itself too."
    )
    return _picture("kernels", kernels_figure(kernels), caption, "Kernels with mask A and mask B")


def _gates_picture(model: AutoregressiveModel) -> Picture | None:
    """Draw the inputs of a recurrent cell, gate by gate."""
    cell = _recurrent_layer(model)
    if cell is None:
        return None
    caption = (
        "What the LSTM reads. Left, of its input: each of the four gates is grouped by colour, and mask B opens "
        "to each group what its colour may see. Right, the states of other pixels: all of those come before, and "
        "no mask is needed."
    )
    figure = lstm_cell_figure(cell, model.domain.shape[0])
    return _picture("gates", figure, caption, "The input-to-state mask by gates, the state-to-state taps")


def _recurrent_layer(model: AutoregressiveModel) -> RowLSTM | DiagonalBiLSTM | None:
    """Return the first recurrent layer, if there is one."""
    return next((layer for layer in model.modules() if isinstance(layer, RowLSTM | DiagonalBiLSTM)), None)


def _row_picture(height: int, width: int) -> Picture:
    excerpt = describe_excerpt((height, width), ROW_LSTM_EXTRA_COLUMNS)
    caption = (
        "The Row LSTM. Left: a row is a step; arrows: the three states of the row above that it reads. Right: "
        f"through them, one column more on either side with each row back, its state knows a triangle.{excerpt}"
    )
    if height == 1:
        caption = f"The Row LSTM. A row is a step; this image has one alone, and no row above to read.{excerpt}"
    return _picture("steps", row_steps_figure(height, width), caption, "An image by rows, and a triangle above")


def _diagonal_picture(height: int, width: int) -> Picture:
    caption = (
        "The Diagonal BiLSTM. The step of a pixel is its column plus its row. Each row is shifted by one column "
        f"against the row above, so that a step is a column: {height}×{width} pixels become "
        f"{height}×{height + width - 1}. Arrows: the two states that a step reads, from beside and from above, "
        "which stand in one column of the skewed map. The scan from the right is shifted down by one row before "
        f"the two are added, since it has seen pixels to come.{describe_excerpt((height, width), 0)}"
    )
    return _picture("skewing", skewing_figure(height, width), caption, "An image and its skewed map, by step")


def _growth_pictures(model: AutoregressiveModel, by_depth: Mapping[int, Tensor], site: int) -> list[Picture]:
    """Draw the receptive field of one site at several depths; nothing without depths."""
    if not by_depth:
        return []
    name = model.depth_argument
    seen = {describe_depth(depth, name): field for depth, field in by_depth.items()}
    figure = receptive_field_comparison_figure(seen, model.order, model.domain, site)
    caption = (
        f"How what is seen by {model.domain.describe_site(site)} grows with the number of {name}. A pixel counts as "
        "seen where one of its channels is."
    )
    return [_picture("growth", figure, caption, "Receptive fields of models with more and more layers")]


def _picture(name: str, figure: Figure, caption: str, alt: str) -> Picture:
    return Picture(name, to_png(figure), caption, alt)
