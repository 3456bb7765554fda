"""The second half of the lesson on recurrent networks: the Row LSTM and the Diagonal BiLSTM go over images."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from chainrule.checks import LeakReport, check_leak
from chainrule.domains import Binary, Levels
from chainrule.figures import leak_figure, to_png
from chainrule.figures.fields import growth_figure
from chainrule.formatting import counted, magnitude, percent
from chainrule.layers.lstm import LSTMBlock, mask_b
from chainrule.layers.masked import MaskedConv2d
from chainrule.layers.residual import ResidualBlock
from chainrule.layers.scan_plan import diagonals_sweep, rows_sweep
from chainrule.learn.pictures import recurrence_scans as pictures
from chainrule.learn.pictures.animation import to_gif
from chainrule.learn.scans import PlainDiagonals, PlainRows, copy_of, retold, skew
from chainrule.learn.source import source
from chainrule.models.image import ImageModel
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.seeding import generator

SHOWN = (6, 7)
"""Rows and columns of the image that is gone through."""
SIDE, PIXEL, DEPTH = 15, (8, 5), 2
"""Of the images of which receptive fields are shown: their side, the pixel, and the models' layers."""
SIDES = (8, 28, 64)
"""Of the images whose sequential steps are counted."""
GRAY, COLOUR, COLOURS = (1, 4, 5), (3, 2, 2), 4
"""The images, and their levels, on which planted mistakes are looked for."""
BEFORE_THE_MISTAKES = 0.85
"""The share of the lesson that is told then."""


class NotShifted(PlainDiagonals):
    """The shift is forgotten."""

    def shifted(self, states: Tensor) -> Tensor:
        return states


class ZerosAtTheWrongEnd(PlainDiagonals):
    """The shift goes up in place of down: zeros come in at the bottom."""

    def shifted(self, states: Tensor) -> Tensor:
        return torch.cat([states[1:], torch.zeros_like(states[:1])])


class ReadsTheRowBelow(PlainDiagonals):
    """The column is padded at its bottom: each row reads the states of the row below it."""

    def above(self, hidden: Tensor, start: Tensor) -> Tensor:
        return torch.cat([hidden[1:], start[:1]])


MISTAKES = {
    "the shift forgotten": NotShifted,
    "zeros at the wrong end": ZerosAtTheWrongEnd,
    "padding at the wrong end": ReadsTheRowBelow,
}


def tell_of_images(page: Page, tell: Tell) -> None:
    tell_of_rows(page)
    tell(0.65)
    tell_of_diagonals(page)
    tell(0.78)
    tell_of_fields(page)
    tell_of_table_1(page)
    tell_of_cost(page)


def tell_of_rows(page: Page) -> None:
    """The step becomes a row."""
    page.heading("From a sequence to an image: the Row LSTM")
    page.paragraph(
        "An image has two directions, and a sequence one. The Row LSTM takes a whole row as a step. Both products "
        "become convolutions along the row: input-to-state is a k×1 convolution of the features of this row, through "
        "mask B, and since the features are known it is computed for the whole map at once, before the first step. "
        "State-to-state is a k×1 convolution of the states of the row above, and needs no mask: all of that row lies "
        "before the pixel. What is left to do in sequence is one step a row."
    )
    page.figure(
        to_gif(list(pictures.rows_frames(*SHOWN)), 900),
        "Left: a step computes a row. A pixel reads three states of the row above it. Right: through them it hears of "
        "those above these, and so on: a triangle. What lies beside the triangle it never hears of.",
        "Rows of an image are computed one after the other; the field of one pixel grows upwards as a triangle.",
        "recurrence-rows.gif",
    )
    page.paragraph("The whole layer, with k = 3 (`kernels_of` gives a layer's weights, through their masks):")
    page.code(source(PlainRows.scan), "python")
    page.paragraph(
        f"The library's layer does the same with its backward pass written out. In a PixelRNN of {DEPTH} layers on "
        f"images of {SHOWN[0]}×{SHOWN[1]}, in float64 and with all weights drawn at random, this program in its place "
        f"changes the logits of the conditionals by at most {magnitude(difference('row', PlainRows))}."
    )


def tell_of_diagonals(page: Page) -> None:
    """The step becomes a diagonal, in both directions."""
    page.heading("The Diagonal BiLSTM")
    page.paragraph(
        "To see more than a triangle, a state must read its neighbour in its own row too. From the left: the state on "
        "the left and the state above. Pixels of one diagonal do not need each other, so a step is a diagonal. A "
        "diagonal is awkward to slice, and the paper's trick is to skew the map: each row is shifted by one column "
        "against the row above, and a diagonal becomes a column."
    )
    page.code(source(skew), "python")
    page.paragraph(
        "Input-to-state is then 1×1, through mask B. State-to-state is a convolution of two taps on the column before, "
        "without a mask: the same row is the neighbour on the left, and the row above is the neighbour above. A second "
        "scan, with weights of its own, comes from the right."
    )
    page.figure(
        to_gif(list(pictures.diagonals_frames(SHOWN[0], SHOWN[0])), 700),
        "Both scans, as the image and as the skewed map: what is done, what is computed now, and what one of those "
        "pixels reads. At the end the states from the right move down by one row (the numbers are the rows that they "
        "were computed for) before both maps are added.",
        "Diagonals of an image are computed one after the other, from both upper corners; beside it the skewed map, "
        "column by column.",
        "recurrence-diagonals.gif",
    )
    page.paragraph(
        "Why the shift? A state from the right has read everything to the right of its pixel in the same row, and "
        "that is yet to come. The state of the row above, at the same column, has not: all that it read lies before."
    )
    page.figure(
        to_png(pictures.shift_figure(*SHOWN, (3, 3))),
        "Which pixels' features reach the states at one pixel. Above: without the shift the sum holds pixels to come. "
        "Below: with it, the two scans together hold every feature before the pixel, and none after.",
        "Six maps: each scan and their sum, above without the shift, with a leak to the right, and below with it.",
        "recurrence-shift.png",
    )
    methods = (PlainDiagonals.one_way, PlainDiagonals.above, PlainDiagonals.shifted)
    page.code("\n\n".join(source(method) for method in methods), "python")
    page.paragraph(
        f"Again the library's layer is this function: no logit of the same model differs by more than "
        f"{magnitude(difference('diagonal', PlainDiagonals))}."
    )


def difference(cell: Literal["row", "diagonal"], kind: type[PlainRows] | type[PlainDiagonals]) -> float:
    """Between the logits of a model's conditionals and of the same one's with its layers retold: the largest."""
    domain = Binary((1, *SHOWN))
    model = with_random_weights(PixelRNN(domain, cell, layers=DEPTH, features=4))
    x = domain.random(8, generator(7))
    with torch.no_grad():
        logits, others = (each.conditionals(x).logits for each in (model, retold(model, kind)))
    return float((logits - others).abs().max())


def with_random_weights(model: PixelRNN) -> PixelRNN:
    """The model itself, in float64, every weight drawn anew: none is 0."""
    rng = generator(6)
    model = model.double()
    for weight in model.parameters():
        weight.data = torch.randn(weight.shape, generator=rng, dtype=torch.float64) / 3
    return model


def models_of(side: int, depth: int) -> dict[str, ImageModel]:
    """The models that are compared, on grey images of that side."""
    domain = Binary((1, side, side))
    return {
        "PixelCNN": PixelCNN(domain, blocks=depth, features=2),
        "Row LSTM": PixelRNN(domain, "row", layers=depth, features=2),
        "Diagonal BiLSTM": PixelRNN(domain, "diagonal", layers=depth, features=2),
        "full context": PixelRNN(domain, "diagonal", layers=depth, features=2, full_context=True),
    }


def tell_of_fields(page: Page) -> None:
    """What each model's pixel sees."""
    page.heading("What a pixel sees")
    models = models_of(SIDE, DEPTH)
    fields = {name: model.receptive_field() for name, model in models.items()}
    site = PIXEL[0] * SIDE + PIXEL[1]
    order, domain = models["PixelCNN"].order, models["PixelCNN"].domain
    page.figure(
        to_png(growth_figure(fields, order, domain, site)),
        f"What one pixel of a {SIDE}×{SIDE} image sees, in models of a 7×7 first layer and {DEPTH} layers or blocks. "
        "PixelCNN: bounded, with a blind wedge on the right. Row LSTM: a trapezoid, up to the first row. Diagonal "
        "BiLSTM: all but one.",
        "Four maps of the pixels before one pixel, those seen in dark blue.",
        "recurrence-fields.png",
    )
    past = int(order.past(site).sum())
    rows = [[name, str(int(field[site].sum())), str(past - int(field[site].sum()))] for name, field in fields.items()]
    page.table(["model", "past pixels seen", "not seen"], rows, f"Of the {past} pixels before it.")
    (missed,) = (order.past(site) & ~fields["Diagonal BiLSTM"][site]).nonzero().flatten().tolist()
    row, column = divmod(missed, SIDE)
    page.paragraph(
        f"The one that the paper's Diagonal BiLSTM misses is {PIXEL[0] - row} row above and in column {column + 1} of "
        f"{SIDE}: the last pixel of the row above. Every state before the pixel is heard of, as the drawing of the "
        "shift shows, but a state's features hold, through mask A, the pixels before it and not the pixel itself. The "
        "last pixel of the row above is held by features of the present row alone, and the scan from the right, "
        "shifted down, ends one row above. Near the right edge the first layer's kernel still reaches it, three "
        "columns away. “The entire available context” takes one change: the first layer's scan from the right reads "
        "features made through mask B, which the shift keeps from leaking. Here that is `full_context=True`."
    )


def tell_of_table_1(page: Page) -> None:
    """The paper's table, from the models."""
    page.heading("Table 1 of the paper, read from the models")
    shape = (3, 5, 6)
    cnn = PixelCNN(Levels(shape, 256), blocks=1, features=6)
    rows, diagonals = (PixelRNN(cnn.domain, cell, layers=1, features=6) for cell in ("row", "diagonal"))
    models: tuple[ImageModel, ...] = (cnn, rows, diagonals)
    page.table(
        ["", "PixelCNN", "Row LSTM", "Diagonal BiLSTM"],
        [
            ["first", *(kernel(model.first) for model in models)],
            ["then, in each block", *(middle(model) for model in models)],
            ["last", *(f"ReLU, {kernel(model.head)}; ReLU, {kernel(model.output)}" for model in models)],
            ["output", *(f"{model.domain.outputs_per_site}-way softmax" for model in models)],
        ],
        "i-s: input-to-state, s-s: state-to-state. Kernel sizes, masks and taps are those of the layers of three "
        "models of colour images. For binary images the output is a sigmoid.",
    )
    page.paragraph(
        "The paper's table prints the diagonal's state-to-state kernel as 1×2, its text as 2×1: the two taps are one "
        "above the other in a column of the skewed map. Of the row's 3×1 input-to-state kernel mask B closes the tap "
        "on the right, so it reads the pixel and its left neighbour."
    )
    page.paragraph(
        "Each block is residual, as in the lesson before: its input is added to its output. In a PixelCNN a 1×1 "
        "convolution takes 2h features to h, the 3×3 one stays at h, and another 1×1 goes back to 2h. In a PixelRNN "
        "the recurrent layer takes 2h features to states of h, and a 1×1 convolution takes these to 2h (figure 5 of "
        "the paper)."
    )


def kernel(layer: MaskedConv2d) -> str:
    """The size and kind of a masked convolution, as its mask has them."""
    size = layer.mask.shape[-1]
    kind = "B" if bool(layer.taps[0, 0, -1, size // 2]) else "A"  # does the first colour see itself?
    return f"{size}×{size} mask {kind}"


def middle(model: ImageModel) -> str:
    """What the blocks of a model hold, as its first block has it."""
    block = next(each for each in model.stack.modules() if isinstance(each, ResidualBlock | LSTMBlock))
    if isinstance(block, ResidualBlock):
        return f"conv {kernel(block.spread)}"
    sweep = block.lstm.sweep
    inputs, states = 2 * sweep.inputs.shape[1] - 1, len(sweep.beside)
    return f"i-s {inputs}×1 mask B, s-s {states}×1 no mask"


def tell_of_cost(page: Page) -> None:
    """Steps that wait for each other, counted from the sweeps."""
    page.heading("What it costs")
    page.paragraph(
        "A step has to wait for the one before it. Within a layer of PixelCNN nothing waits: one step, for all "
        "pixels. The recurrent layers wait once a row, or once a diagonal."
    )
    page.table(
        ["image", "PixelCNN", "Row LSTM", "Diagonal BiLSTM"],
        [[f"{n}×{n}", "1", str(len(rows_sweep(n, n).steps)), str(len(diagonals_sweep(n, n).steps))] for n in SIDES],
        "Sequential steps of one layer's pass over an image, counted from the sweeps that the layers follow: 1, n and "
        "2n − 1 for n×n pixels. Both directions of the diagonal go at once.",
    )
    page.paragraph(
        "That is the bargain: PixelCNN trains in fewest steps and sees least; the Diagonal BiLSTM sees most and waits "
        "most. The paper's likelihoods on CIFAR-10 have the same order, the diagonal's the best."
    )


def tell_of_mistakes(page: Page) -> None:
    """Each planted in the real model, and found."""
    page.heading("Mistakes, planted and found")
    page.paragraph(
        "None of these raises an error, and each can make the training loss look better than it honestly is, since "
        "the model sees what it is asked to predict. Each is planted here in a real PixelRNN: the first three in "
        "place of one method, the last as one mask. `check_leak` says who sees whom, here on grey images of "
        f"{GRAY[1]}×{GRAY[2]}."
    )
    page.code("\n\n\n".join(source(kind) for kind in (ZerosAtTheWrongEnd, ReadsTheRowBelow)), "python")
    model = PixelRNN(Binary(GRAY), "diagonal", layers=1, features=3)
    reports = {
        "the layer as it is": leaks_of(model),
        **{name: leaks_of(retold(model, kind)) for name, kind in MISTAKES.items()},
        "gates cut across colours": leaks_of(cut_across_colours()),
    }
    page.table(
        ["what", "leaks?", "pairs of sites", "past seen"],
        [
            [name, "no" if each.passed else "yes", str(int(each.wrong.sum())), percent(each.past_seen)]
            for name, each in reports.items()
        ],
        f"The last on colour images of {COLOUR[1]}×{COLOUR[2]}.",
    )
    found = reports["zeros at the wrong end"]
    page.figure(
        to_png(leak_figure(found, f"Zeros at the wrong end: {counted(int(found.wrong.sum()), 'leaking pair')}")),
        "Left: the pixel that leaks most, and what it sees of the image. Right: where the leaks lie, seen from the "
        "pixel, all pixels together: the pixel itself, those to its right, and the row below, which the scan from the "
        "right brought up.",
        "Two maps of what outputs see; leaks in orange, at the pixel, to its right and in the row below.",
        "recurrence-leak.png",
    )
    gates = reports["gates cut across colours"]
    names = "RGB"
    pairs = ", ".join(f"{names[o]} sees {names[i]}" for o, i in gates.colours.nonzero().tolist())
    page.paragraph(
        "The last one is about colour. The four gates come out of one product with 4h rows, and features are in three "
        "groups: R, G, B. Mask B must be laid over each gate, h rows at a time. Laid over all 4h rows at once, the "
        "first third of them is R, the last B, and the four gates cut out of that are not of one colour: the output "
        f"gate is of R alone, the content of B alone. Then, within a pixel, {pairs}."
    )


def cut_across_colours() -> PixelRNN:
    """A model whose mask B lies over all four gates as one: the mistake."""
    model, stack = copy_of(PixelRNN(Levels(COLOUR, COLOURS), "diagonal", layers=1, features=6))
    for block in stack.blocks:
        wide, inputs = block.lstm.mask.shape
        block.lstm.mask = mask_b(wide, inputs, COLOUR[0])
    return model


def leaks_of(model: PixelRNN) -> LeakReport:
    """What `check_leak` finds of the model's logits."""
    domain = model.domain
    layout = "n,c,h,w" if isinstance(domain, Binary) else "n,c,h,w,k"
    return check_leak(
        lambda x: model.conditionals(x).logits, domain.shape, domain.levels, layout=layout, scale="levels"
    )
