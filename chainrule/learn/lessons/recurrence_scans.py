"""The second half of the lesson on recurrent networks: the Row LSTM and the Diagonal BiLSTM."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from chainrule.checks import LeakReport, check_leak
from chainrule.domains import Binary, Levels
from chainrule.figures import leak_figure, receptive_field_comparison_figure, to_png
from chainrule.formatting import counted, magnitude, percent
from chainrule.layers.convolution import MaskedConv2d
from chainrule.layers.lstm import LSTMBlock, mask_b
from chainrule.layers.residual import ResidualBlock
from chainrule.layers.scan_plan import diagonal_plan, row_plan
from chainrule.learn.figures import scan_figures as figures
from chainrule.learn.figures.animation import to_gif
from chainrule.learn.pixelrnn_scans import PlainDiagonalBiLSTM, PlainRowLSTM, copy_model, replace_layers, skew
from chainrule.learn.source_code import read_source
from chainrule.models.image import ImageModel
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.reports import Page, StageProgress
from chainrule.seeding import generator

SHOWN = (6, 7)
"""Rows and columns of the image in the animations."""
SIDE, PIXEL, DEPTH = 15, (8, 5), 2
"""The side of the image, the pixel, and the number of layers for the receptive fields."""
SIDES = (8, 28, 64)
"""The sides of the images whose sequential steps are counted."""
GRAY, COLOUR, LEVELS = (1, 4, 5), (3, 2, 2), 4
"""The shapes of the images that test the planted mistakes, and the levels of the colour images."""
BEFORE_MISTAKES = 0.85
"""The progress of the lesson before the chapter on mistakes."""


class WithoutShift(PlainDiagonalBiLSTM):
    """Omit the shift."""

    def shift_down(self, states: Tensor) -> Tensor:
        return states


class ShiftUp(PlainDiagonalBiLSTM):
    """Shift the states up instead of down, with zeros at the bottom."""

    def shift_down(self, states: Tensor) -> Tensor:
        return torch.cat([states[1:], torch.zeros_like(states[:1])])


class ReadRowBelow(PlainDiagonalBiLSTM):
    """Pad the column at the bottom, so that each row reads the states of the row below it."""

    def states_above(self, hidden: Tensor, start: Tensor) -> Tensor:
        return torch.cat([hidden[1:], start[:1]])


MISTAKES = {
    "no shift": WithoutShift,
    "shift up instead of down": ShiftUp,
    "padding at the bottom": ReadRowBelow,
}


def add_images(page: Page, progress: StageProgress) -> None:
    add_row_lstm(page)
    progress(0.65)
    add_diagonal_bilstm(page)
    progress(0.78)
    add_receptive_fields(page)
    add_table_1(page)
    add_cost(page)


def add_row_lstm(page: Page) -> None:
    """Add the Row LSTM, whose step is a row."""
    page.heading("From a sequence to an image: the Row LSTM")
    page.paragraph(
        "An image has two directions, a sequence has one. The Row LSTM processes a whole row in one step, and both "
        "products become convolutions along the row. Input-to-state is a k×1 convolution of the features of the row, "
        "with mask B. All features are known in advance, so it is computed for the whole image before the first "
        "step. State-to-state is a k×1 convolution of the states of the row above. It needs no mask, because the "
        "whole row above comes before the pixel. So one sequential step for each row remains."
    )
    page.figure(
        to_gif(list(figures.draw_row_frames(*SHOWN)), milliseconds=900),
        "Left: each step computes a row, and a pixel reads three states of the row above it. Right: through these "
        "states it depends on the states above them, and so on. Together they form a triangle. The pixel does not "
        "depend on anything outside the triangle.",
        "Rows of an image are computed one after the other; the receptive field of one pixel grows upwards as a "
        "triangle.",
        "recurrence-rows.gif",
    )
    page.paragraph(
        "The program of the whole layer, with k = 3 (`get_kernels` returns the weights of a layer, multiplied by "
        "their masks):"
    )
    page.code(read_source(PlainRowLSTM.scan), "python")
    page.paragraph(
        "The layer of the library computes the same function, with a backward pass written by hand. We replace it "
        f"by this program in a PixelRNN of {DEPTH} layers for images of {SHOWN[0]}×{SHOWN[1]}, in float64 and with "
        f"random weights. The logits change by at most {magnitude(max_logit_difference('row', PlainRowLSTM))}."
    )


def add_diagonal_bilstm(page: Page) -> None:
    """Add the Diagonal BiLSTM, whose step is a diagonal, in two directions."""
    page.heading("The Diagonal BiLSTM")
    page.paragraph(
        "To see more than a triangle, a state must also read a neighbour in its own row. In the scan from the left, "
        "a state reads the state on its left and the state above it. Pixels of the same diagonal do not depend on "
        "each other, so one step computes a whole diagonal. Diagonals are difficult to slice, so the paper skews the "
        "map: each row is shifted by one column relative to the row above, and a diagonal becomes a column."
    )
    page.code(read_source(skew), "python")
    page.paragraph(
        "Input-to-state is now a 1×1 convolution with mask B. State-to-state is a convolution with two weights over "
        "the last column of states, without a mask: one weight for the same row, which is the neighbour on the left, "
        "and one weight for the row above, which is the neighbour above. A second scan with its own weights starts "
        "from the right."
    )
    page.figure(
        to_gif(list(figures.draw_diagonal_frames(SHOWN[0], SHOWN[0])), milliseconds=700),
        "Both scans, on the image and on the skewed map: the finished states, the states of the present step, and "
        "the states that one of them reads. At the end the states from the right are shifted down by one row before "
        "both maps are added. (The numbers are the rows for which the states were computed.)",
        "Diagonals of an image are computed one after the other, from both upper corners; beside it the skewed map, "
        "column by column.",
        "recurrence-diagonals.gif",
    )
    page.paragraph(
        "Why are they shifted? A state of the scan from the right depends on all pixels to the right of its pixel in "
        "the same row, and these pixels come later in the order. The state of the row above, in the same column, "
        "depends only on earlier pixels."
    )
    page.figure(
        to_png(figures.plot_shift(*SHOWN, pixel=(3, 3))),
        "The pixels whose features reach the states at one pixel. Above: without the shift, the sum depends on later "
        "pixels. Below: with the shift, the two scans together depend on every feature before the pixel, and on no "
        "later feature.",
        "Six maps: each scan and their sum, above without the shift, with a leak to the right, and below with it.",
        "recurrence-shift.png",
    )
    methods = (PlainDiagonalBiLSTM.scan_direction, PlainDiagonalBiLSTM.states_above, PlainDiagonalBiLSTM.shift_down)
    page.code("\n\n".join(read_source(method) for method in methods), "python")
    page.paragraph(
        f"The layer of the library computes the same function: in the same comparison the logits differ by at most "
        f"{magnitude(max_logit_difference('diagonal', PlainDiagonalBiLSTM))}."
    )


def max_logit_difference(
    cell: Literal["row", "diagonal"], kind: type[PlainRowLSTM] | type[PlainDiagonalBiLSTM]
) -> float:
    """Return the largest difference of the logits after the recurrent layers of a model are replaced."""
    domain = Binary((1, *SHOWN))
    model = randomize_weights(PixelRNN(domain, cell, layers=DEPTH, features=4))
    x = domain.random_data(8, generator(7))
    with torch.no_grad():
        logits, others = (each.conditionals(x).logits for each in (model, replace_layers(model, kind)))
    return float((logits - others).abs().max())


def randomize_weights(model: PixelRNN) -> PixelRNN:
    """Set all weights of a model to random values in float64, and return the model."""
    rng = generator(6)
    model = model.double()
    for weight in model.parameters():
        weight.data = torch.randn(weight.shape, generator=rng, dtype=torch.float64) / 3
    return model


def make_models(side: int, depth: int) -> dict[str, ImageModel]:
    """Return the compared models by name, for grey images."""
    domain = Binary((1, side, side))
    return {
        "PixelCNN": PixelCNN(domain, blocks=depth, features=2),
        "Row LSTM": PixelRNN(domain, "row", layers=depth, features=2),
        "Diagonal BiLSTM": PixelRNN(domain, "diagonal", layers=depth, features=2),
        "full context": PixelRNN(domain, "diagonal", layers=depth, features=2, full_context=True),
    }


def add_receptive_fields(page: Page) -> None:
    """Add the receptive field of one pixel for each model."""
    page.heading("Receptive fields")
    models = make_models(SIDE, DEPTH)
    fields = {name: model.receptive_field() for name, model in models.items()}
    site = PIXEL[0] * SIDE + PIXEL[1]
    order, domain = models["PixelCNN"].order, models["PixelCNN"].domain
    page.figure(
        to_png(receptive_field_comparison_figure(fields, order, domain, site)),
        f"The receptive field of one pixel of a {SIDE}×{SIDE} image, in models with a 7×7 first layer and {DEPTH} "
        "layers or blocks. PixelCNN: bounded, with a blind spot on the right. Row LSTM: a trapezoid up to the first "
        "row. Diagonal BiLSTM: all earlier pixels except one.",
        "Four maps of the pixels before one pixel; the seen pixels are dark blue.",
        "recurrence-fields.png",
    )
    past = int(order.past(site).sum())
    rows = [[name, str(int(field[site].sum())), str(past - int(field[site].sum()))] for name, field in fields.items()]
    page.table(["model", "past pixels seen", "not seen"], rows, f"There are {past} pixels before this pixel.")
    (missed,) = (order.past(site) & ~fields["Diagonal BiLSTM"][site]).nonzero().flatten().tolist()
    row, column = divmod(missed, SIDE)
    page.paragraph(
        f"The Diagonal BiLSTM of the paper does not see one earlier pixel. It is {PIXEL[0] - row} row above and in "
        f"column {column + 1} of {SIDE}: the last pixel of the row above. The reason: every state before the pixel "
        "is read, as the picture of the shift shows. But because of mask A, the features at a state contain the "
        "pixels before this state and not its own pixel. The last pixel of the row above is contained only in "
        "features of the present row, and the scan from the right, shifted down, ends one row above. (Near the "
        "right edge the kernel of the first layer still reaches this pixel, from up to three columns away.) To see "
        "“the entire available context”, one change is enough: the first layer's scan from the right reads features "
        "with mask B in place of mask A. The shift prevents a leak. In this library the option is "
        "`full_context=True`."
    )


def add_table_1(page: Page) -> None:
    """Add table 1 of the paper, read from the models."""
    page.heading("Table 1 of the paper, read from the models")
    shape = (3, 5, 6)
    cnn = PixelCNN(Levels(shape, 256), blocks=1, features=6)
    rows, diagonals = (PixelRNN(cnn.domain, cell, layers=1, features=6) for cell in ("row", "diagonal"))
    models: tuple[ImageModel, ...] = (cnn, rows, diagonals)
    page.table(
        ["", "PixelCNN", "Row LSTM", "Diagonal BiLSTM"],
        [
            ["first", *(format_kernel(model.first) for model in models)],
            ["then, in each block", *(format_block(model) for model in models)],
            ["last", *(f"ReLU, {format_kernel(model.head)}; ReLU, {format_kernel(model.output)}" for model in models)],
            ["output", *(f"{model.domain.outputs_per_site}-way softmax" for model in models)],
        ],
        "i-s: input-to-state, s-s: state-to-state. The kernel sizes and masks are read from the layers of three "
        "models for colour images. For binary images the output is a sigmoid.",
    )
    page.paragraph(
        "For the Diagonal BiLSTM the table of the paper gives a state-to-state kernel of 1×2, and its text gives "
        "2×1. The two weights are one above the other in a column of the skewed map. In the 3×1 input-to-state "
        "kernel of the Row LSTM mask B removes the weight on the right, so the kernel reads the pixel and its left "
        "neighbour."
    )
    page.paragraph(
        "Each block is residual, as in the last lesson: its input is added to its output. In a PixelCNN a 1×1 "
        "convolution reduces 2h features to h, the 3×3 convolution keeps h features, and another 1×1 convolution "
        "returns to 2h. In a PixelRNN the recurrent layer maps 2h features to h states, and a 1×1 convolution maps "
        "the states to 2h features (figure 5 of the paper)."
    )


def format_kernel(layer: MaskedConv2d) -> str:
    """Format the kernel size and the kind of mask of a masked convolution."""
    size = layer.mask.shape[-1]
    kind = "B" if bool(layer.taps[0, 0, -1, size // 2]) else "A"  # does the first colour see itself?
    return f"{size}×{size} mask {kind}"


def format_block(model: ImageModel) -> str:
    """Format the layer in the blocks of a model."""
    block = next(each for each in model.stack.modules() if isinstance(each, ResidualBlock | LSTMBlock))
    if isinstance(block, ResidualBlock):
        return f"conv {format_kernel(block.spread)}"
    plan = block.lstm.plan
    inputs, states = 2 * plan.inputs.shape[1] - 1, len(plan.outside)
    return f"i-s {inputs}×1 mask B, s-s {states}×1 no mask"


def add_cost(page: Page) -> None:
    """Add the number of sequential steps of each layer."""
    page.heading("The cost in sequential steps")
    page.paragraph(
        "A step must wait for the step before it. A layer of PixelCNN needs one step for all pixels. A recurrent "
        "layer needs one step for each row, or for each diagonal."
    )
    page.table(
        ["image", "PixelCNN", "Row LSTM", "Diagonal BiLSTM"],
        [[f"{n}×{n}", "1", str(len(row_plan(n, n).steps)), str(len(diagonal_plan(n, n).steps))] for n in SIDES],
        "The number of sequential steps of one layer for an image, counted from the scan plans of the layers: 1, n "
        "and 2n − 1 for n×n pixels. Both diagonal scans run at the same time.",
    )
    page.paragraph(
        "So there is a trade-off. PixelCNN has the fewest sequential steps and the smallest receptive field. The "
        "Diagonal BiLSTM has the most steps and the largest receptive field. The likelihoods of the paper on "
        "CIFAR-10 have the same order: the Diagonal BiLSTM is the best."
    )


def add_mistakes(page: Page) -> None:
    """Add mistakes in a real model, and the leak reports on them."""
    page.heading("Common mistakes, and how to find them")
    page.paragraph(
        "The following mistakes raise no error. Each of them can make the training loss look better than it should, "
        "because the model sees the values it should predict. We make each mistake on purpose in a real PixelRNN: "
        "the first three by replacing one method, the last by replacing one mask. `check_leak` reports which "
        f"outputs depend on which inputs, here for grey images of {GRAY[1]}×{GRAY[2]}."
    )
    page.code("\n\n\n".join(read_source(kind) for kind in (ShiftUp, ReadRowBelow)), "python")
    model = PixelRNN(Binary(GRAY), "diagonal", layers=1, features=3)
    reports = {
        "correct layer": find_leaks(model),
        **{name: find_leaks(replace_layers(model, kind)) for name, kind in MISTAKES.items()},
        "one mask for all gates": find_leaks(apply_one_mask()),
    }
    page.table(
        ["mistake", "leaks?", "leaking pairs", "past seen"],
        [
            [name, "no" if each.passed else "yes", str(int(each.leak_mask.sum())), percent(each.past_coverage)]
            for name, each in reports.items()
        ],
        f"The last mistake is tested on colour images of {COLOUR[1]}×{COLOUR[2]}.",
    )
    found = reports["shift up instead of down"]
    page.figure(
        to_png(
            leak_figure(found, title=f"Shift up instead of down: {counted(int(found.leak_mask.sum()), 'leaking pair')}")
        ),
        "Left: the output with the most leaks, and the pixels that it sees. Right: the positions of the leaks "
        "relative to the pixel, over all pixels: the pixel itself, the pixels to its right, and the row below, which "
        "comes from the scan from the right.",
        "Two maps of what outputs see; leaks in orange, at the pixel, to its right and in the row below.",
        "recurrence-leak.png",
    )
    gates = reports["one mask for all gates"]
    names = "RGB"
    pairs = ", ".join(f"{names[o]} sees {names[i]}" for o, i in gates.leaks_by_channel.nonzero().tolist())
    page.paragraph(
        "The last mistake concerns colours. One matrix product with 4h rows computes the four gates, and the "
        "features are in three groups: R, G, B. Mask B must be applied to each gate separately, h rows at a time. "
        "If one mask is applied to all 4h rows at once, the first third of the rows belongs to R and the last third "
        "to B. Then the rows of one gate do not have their correct colours: the output gate belongs to R alone, the "
        f"content gate to B alone. As a result, within a pixel, {pairs}."
    )


def apply_one_mask() -> PixelRNN:
    """Return a model with the mistake that one mask B covers all four gates at once."""
    model, stack = copy_model(PixelRNN(Levels(COLOUR, LEVELS), "diagonal", layers=1, features=6))
    for block in stack.blocks:
        wide, inputs = block.lstm.mask.shape
        block.lstm.mask = mask_b(wide, inputs, COLOUR[0])
    return model


def find_leaks(model: PixelRNN) -> LeakReport:
    """Return the report of `check_leak` on the logits of a model."""
    domain = model.domain
    layout = "n,c,h,w" if isinstance(domain, Binary) else "n,c,h,w,k"
    return check_leak(
        lambda x: model.conditionals(x).logits, domain.shape, levels=domain.levels, layout=layout, scale="levels"
    )
