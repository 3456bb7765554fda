"""The chapters on receptive fields, residual blocks and the blind spot, in the lesson on convolutions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from chainrule.domains import Binary
from chainrule.figures import receptive_field_comparison_figure, to_png
from chainrule.formatting import magnitude, with_error
from chainrule.inference import evaluate
from chainrule.learn.causal_convolution import blind_spot
from chainrule.learn.figures.animation import to_gif
from chainrule.learn.figures.convolution_figures import DepthResults, draw_depth_frames, plot_depths
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.convolution_colours import FIT_SETTINGS
from chainrule.learn.pixelcnn_variants import PixelCNNWithoutSkips, first_layer_gradient_norm, randomize_block_outputs
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.reports import Page
from chainrule.training import fit

SIDE = 21
"""The side of the image whose middle pixel's receptive field is shown."""
SITE = SIDE**2 // 2
MAX_BLOCKS = 8
GRADIENT_DEPTHS, TRAINED_DEPTHS = (1, 2, 4, 8, 16, 32), (1, 3, 8)
DIGITS, FEATURES, UPDATES = Binary((1, 8, 8)), 8, 30
BLOCK_KINDS: dict[str, Callable[[int], PixelCNN]] = {
    "h + F(h), F = 0 at first": lambda blocks: PixelCNN(DIGITS, blocks, FEATURES),
    "h + F(h), F random": lambda blocks: randomize_block_outputs(PixelCNN(DIGITS, blocks, FEATURES)),
    "F(h) alone": lambda blocks: PixelCNNWithoutSkips(DIGITS, blocks, FEATURES),
}
"""Functions that make a model from a number of blocks, by the kind of block."""


def add_receptive_field(page: Page) -> None:
    page.heading("The receptive field")
    page.paragraph(
        "An output of one layer depends on the pixels under its kernel. An output of a second layer depends on all "
        "pixels that its inputs depend on, and so on. These pixels are the receptive field. Each 3×3 layer extends "
        "it by one row at the top and by one column on the left. On the right it grows differently, as the pictures "
        "show. `model.receptive_field()` computes the receptive field from the masks, and one of the library's laws "
        "compares it with the derivatives of the model."
    )
    domain = Binary((1, SIDE, SIDE))
    models = {blocks: PixelCNN(domain, blocks=blocks, features=1) for blocks in range(MAX_BLOCKS + 1)}
    seen = {blocks: model.receptive_field() for blocks, model in models.items()}
    order, blind = models[0].order, int(blind_spot((SIDE, SIDE), row=SIDE // 2, column=SIDE // 2).sum())
    past = int(order.past(SITE).sum())
    page.figure(
        to_gif(
            list(draw_depth_frames(seen, order=order, shape=(SIDE, SIDE), site=SITE, reachable=past - blind)),
            milliseconds=900,
            last=3000,
        ),
        "The receptive field of the middle pixel grows with each block, except for a wedge on its right.",
        "An animation of a square image in which the seen part of the past grows, except for a wedge at the right.",
        "depth.gif",
    )
    counts = {blocks: int(seen[blocks][SITE].sum()) for blocks in (0, 1, 2, 4, MAX_BLOCKS)}
    page.table(
        ["blocks", "seen", "seen with more blocks", "never seen"],
        [[str(blocks), str(count), str(past - blind - count), str(blind)] for blocks, count in counts.items()],
        f"The {past} pixels before the middle pixel of an image of {SIDE}×{SIDE}.",
    )
    page.paragraph(
        "Where does the wedge come from? In the first layer a pixel reads the row above up to three columns to the "
        "right. To reach pixels further right, a path must go through a 3×3 layer. There the only weights to the "
        "right of the centre are in the row above, so each further column costs one row. So m rows above, a path "
        f"ends at most m + 2 columns to the right. More layers do not help: of the {past} pixels before the middle "
        f"pixel {blind} are never seen. This is the blind spot. The next paper noticed it (Gated PixelCNN, "
        "arXiv:1606.05328) and removes it with a second stack of layers that reads only the rows above."
    )


def add_residual_blocks(page: Page, train: Tensor, test: Tensor, progress: Callable[[float], None]) -> None:
    page.heading("Residual blocks, h + F(h), make deep networks trainable")
    page.paragraph(
        "To see far, a PixelCNN must be deep. But in the backward pass the gradient is multiplied by the derivative "
        "of each layer, as the lesson `backprop` shows, and it vanishes. A residual block adds its input to its "
        "output:"
    )
    add_formulas(page, "residual")
    page.paragraph(
        "Its derivative is 1 + F'(h): the term 1 passes the gradient on unchanged. Our blocks start with F = 0 "
        "(their last convolution is zero), so a model of any depth starts as the model without blocks: the features "
        f"after {max(TRAINED_DEPTHS)} blocks differ from the features before them by at most "
        f"{magnitude(max_feature_difference(test))}. Each block then learns which F(h) to add. To show the effect of "
        "the addition, we also train blocks without the addition, and blocks whose F starts at random:"
    )
    results = {}
    for number, (name, make) in enumerate(BLOCK_KINDS.items(), 1):
        results[name] = measure_depths(make, train, test)
        progress(number / len(BLOCK_KINDS))
    page.figure(
        to_png(plot_depths(results)),
        "Left: the norm of the gradient at the first layer before training, with a random output layer (the output "
        "layer starts at zero, and then the gradient is zero); both axes are logarithmic. Right: the NLL of test "
        f"digits after {UPDATES} updates; the bars show the standard error over the digits.",
        "Two line charts against the number of blocks, with a line for each of three kinds of block.",
        "residual.png",
    )
    rows = [
        [str(depth), *(with_error(*result.nats[depth], 2) for result in results.values())] for depth in TRAINED_DEPTHS
    ]
    page.table(
        ["blocks", *results], rows,
        f"Test NLL in nats (n = {len(test)} digits, 8×8, binary) after {UPDATES} updates; {FEATURES} features; one "
        "run for each value.",
    )  # fmt: skip
    add_residual_results(page, results)


def add_residual_results(page: Page, results: dict[str, DepthResults]) -> None:
    deepest, (zero, _, alone) = max(GRADIENT_DEPTHS), results.values()
    page.paragraph(
        f"The norm of the first layer's gradient with {deepest} blocks, divided by the norm with 1 block, is"
    )
    page.points(
        [f"{magnitude(result.gradients[deepest] / result.gradients[1])} for {name}" for name, result in results.items()]
    )
    behind = ", ".join(f"{alone.nats[depth][0] - zero.nats[depth][0]:.1f}" for depth in TRAINED_DEPTHS)
    page.paragraph(
        f"Without the addition the gradient vanishes with depth. With {max(TRAINED_DEPTHS)} blocks it is not zero "
        "yet, and the model learns. But at each depth its NLL is higher than the NLL of the block that starts at F "
        f"= 0: by {behind} nats. With that block, {max(TRAINED_DEPTHS)} blocks are better than one block. If F "
        "starts at random, h grows with depth, and so does the gradient. If F starts at zero, both stay the same at "
        "any depth; the remaining differences come from the random weights of the layers above. After so few "
        "updates the random start may be better, because its blocks contribute from the first update on. The runs "
        "are short, and there is one run for each value. Other seeds change the numbers by more than the standard "
        "errors: the numbers show how the training begins, not how it ends."
    )


def measure_depths(make: Callable[[int], PixelCNN], train: Tensor, test: Tensor) -> DepthResults:
    """Return the gradients before training and the test NLLs after training, by number of blocks."""
    gradients = {depth: first_layer_gradient_norm(make(depth), train[:20]) for depth in GRADIENT_DEPTHS}
    nats = {}
    for depth in TRAINED_DEPTHS:
        model = make(depth)
        fit(model, train, updates=UPDATES, **FIT_SETTINGS)
        found = evaluate(model, test)
        nats[depth] = (found.nats, found.stderr)
    return DepthResults(gradients, nats)


@torch.no_grad()
def max_feature_difference(x: Tensor) -> float:
    """Return the largest difference between the features before and after the blocks of an untrained model."""
    model = PixelCNN(DIGITS, blocks=max(TRAINED_DEPTHS), features=FEATURES)
    h = model.first(model.encode(x[:10]))
    return float((model.stack(h) - h).abs().max())


def add_recurrent_layers(page: Page) -> None:
    page.heading("Recurrent layers see further")
    domain = Binary((1, SIDE, SIDE))
    models = {
        f"PixelCNN, {MAX_BLOCKS} blocks": PixelCNN(domain, blocks=MAX_BLOCKS, features=1),
        "Row LSTM, 1 layer": PixelRNN(domain, "row", layers=1, features=1),
        "Diagonal BiLSTM, 1 layer": PixelRNN(domain, "diagonal", layers=1, features=1),
        "with full context": PixelRNN(domain, "diagonal", layers=1, features=1, full_context=True),
    }
    page.paragraph(
        "This is the disadvantage of the parallel layers of PixelCNN: each block extends the receptive field only by "
        "its kernel, and the wedge is never seen. A recurrent layer passes a state from position to position, so its "
        "receptive field does not end after a fixed number of layers. The paper has two recurrent layers. The state "
        "of the Row LSTM comes from the row above, from up to one column to either side. This is the slope of a 3×3 "
        "kernel again: one layer reaches the first row, but the wedge remains. The Diagonal BiLSTM scans the image "
        "from both top corners, and the scan from the right sees the wedge, except for one pixel. The next lesson "
        "explains which pixel, and how the option `full_context` of the library makes it visible too."
    )
    seen = {name: model.receptive_field() for name, model in models.items()}
    order = next(iter(models.values())).order
    page.figure(
        to_png(receptive_field_comparison_figure(seen, order, domain, SITE)),
        "The receptive field of the same pixel with recurrent layers. On the left side of the Row LSTM more layers "
        "extend it, on the right side they do not.",
        "Four maps of what the middle pixel sees: in a PixelCNN, a Row LSTM and two Diagonal BiLSTMs.",
        "context.png",
    )
    page.paragraph(
        "The price is time: a state must wait for the state before it, so each row or each diagonal is one "
        "sequential step, while a convolution computes all pixels in parallel. The next lesson builds both layers, "
        "starting from one recurrent neuron."
    )
