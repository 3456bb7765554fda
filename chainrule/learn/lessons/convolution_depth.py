"""Of the lesson on convolutions: how far deep models see, how residual blocks train them, and what stays unseen."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from chainrule.domains import Binary
from chainrule.figures import growth_figure, to_png
from chainrule.formatting import magnitude, with_error
from chainrule.inference.evaluate import evaluate
from chainrule.learn.convolution import PlainPixelCNN, blind_spot, first_gradient, start_at_random
from chainrule.learn.formulas import state
from chainrule.learn.lessons.convolution_masks import BRIEF
from chainrule.learn.pictures.animation import to_gif
from chainrule.learn.pictures.convolution import Arm, depth_frames, depths_figure
from chainrule.models.pixelcnn import PixelCNN
from chainrule.models.pixelrnn import PixelRNN
from chainrule.reports import Page
from chainrule.training import fit

SIDE = 21
"""Of the image on which fields are looked at, with a middle pixel."""
SITE = SIDE**2 // 2
MOST_BLOCKS = 8
GRADIENT_DEPTHS, TRAINED_DEPTHS = (1, 2, 4, 8, 16, 32), (1, 3, 8)
DIGITS, FEATURES, UPDATES = Binary((1, 8, 8)), 8, 30
ARMS: dict[str, Callable[[int], PixelCNN]] = {
    "h + F(h), F = 0 at first": lambda blocks: PixelCNN(DIGITS, blocks, FEATURES),
    "h + F(h), F random": lambda blocks: start_at_random(PixelCNN(DIGITS, blocks, FEATURES)),
    "F(h) alone": lambda blocks: PlainPixelCNN(DIGITS, blocks, FEATURES),
}
"""Each makes a model of so many blocks."""


def what_a_pixel_sees(page: Page) -> None:
    page.heading("How far a pixel sees")
    page.paragraph(
        "One layer sees its kernel. A second one sees what the first one saw from each place that it reads, and so "
        "on: with each 3×3 layer the receptive field grows by one row upwards and one column to the left. On the right "
        "it is another matter, as the pictures show. `model.receptive_field()` follows it through the masks, and a law "
        "holds that to the derivatives of the model."
    )
    domain = Binary((1, SIDE, SIDE))
    models = {blocks: PixelCNN(domain, blocks=blocks, features=1) for blocks in range(MOST_BLOCKS + 1)}
    seen = {blocks: model.receptive_field() for blocks, model in models.items()}
    order, blind = models[0].order, int(blind_spot((SIDE, SIDE), SIDE // 2, SIDE // 2).sum())
    past = int(order.past(SITE).sum())
    page.figure(
        to_gif(list(depth_frames(seen, order, (SIDE, SIDE), SITE, past - blind)), 900, 3000),
        "Block by block: the field of the middle pixel grows, but for a wedge on its right.",
        "An animation of a square image in which the seen part of the past grows, leaving out a wedge at the right.",
        "depth.gif",
    )
    counts = {blocks: int(seen[blocks][SITE].sum()) for blocks in (0, 1, 2, 4, MOST_BLOCKS)}
    page.table(
        ["blocks", "seen", "seen with more blocks", "never seen"],
        [[str(blocks), str(count), str(past - blind - count), str(blind)] for blocks, count in counts.items()],
        f"Pixels before the middle one of {SIDE}×{SIDE}, of which there are {past}.",
    )
    page.paragraph(
        "Where does the wedge come from? In the first layer the row above is open three columns to the right. To get "
        "further right, a path has to go through a 3×3 layer, and there the only taps to the right are in the row "
        "above: each column costs a row. So m rows up, a path ends at most m + 2 columns to the right. No number of "
        f"layers helps: of the {past} pixels before the middle one {blind} stay unseen. This is the blind spot. It was "
        "noticed in the paper that came next (Gated PixelCNN, arXiv:1606.05328), which closes it with a second stack "
        "of layers, for the rows above alone."
    )


def residual_blocks(page: Page, train: Tensor, test: Tensor, tell: Callable[[float], None]) -> None:
    page.heading("h + F(h): depth that can be trained")
    page.paragraph(
        "To see far, a PixelCNN has to be deep. But on its way down a gradient is multiplied by each layer's "
        "derivative, as in the lesson on the backward pass, and fades. A residual block adds its input to its output:"
    )
    state(page, "residual")
    page.paragraph(
        "Its derivative is 1 + F'(h): the 1 passes the gradient on unharmed. Our blocks start with F = 0 (their last "
        "convolution is zero), so that a model of any depth starts as the one without blocks: between the features of "
        f"{max(TRAINED_DEPTHS)} blocks and of none the largest difference is {magnitude(first_difference(test))}. Each "
        "block then learns what is worth adding. To see what the addition does, we take it away, and also try it with "
        "a random start of F:"
    )
    arms = {}
    for number, (name, make) in enumerate(ARMS.items(), 1):
        arms[name] = measured_arm(make, train, test)
        tell(number / len(ARMS))
    page.figure(
        to_png(depths_figure(arms)),
        "Left: the norm of the gradient at the first layer before training, for an output layer drawn at random (at "
        "its start, zero, there is no gradient); both axes are logarithmic. Right: the NLL of test digits after the "
        f"same {UPDATES} updates; bars are a standard error over the digits.",
        "Two line charts against the number of blocks, with a line for each of three kinds of block.",
        "residual.png",
    )
    rows = [[str(depth), *(with_error(*arm.nats[depth], 2) for arm in arms.values())] for depth in TRAINED_DEPTHS]
    page.table(
        ["blocks", *arms], rows,
        f"Test NLL in nats (n = {len(test)} digits, 8×8, binary) after {UPDATES} updates; h = {FEATURES}, one run "
        "each.",
    )  # fmt: skip
    what_the_addition_does(page, arms)


def what_the_addition_does(page: Page, arms: dict[str, Arm]) -> None:
    deepest, (zero, _, alone) = max(GRADIENT_DEPTHS), arms.values()
    page.paragraph(f"From 1 block to {deepest}, the norm of the first layer's gradient is multiplied by")
    page.points([f"{magnitude(arm.gradients[deepest] / arm.gradients[1])} with {name}" for name, arm in arms.items()])
    behind = ", ".join(f"{alone.nats[depth][0] - zero.nats[depth][0]:.1f}" for depth in TRAINED_DEPTHS)
    page.paragraph(
        f"Without the addition the gradient fades. With {max(TRAINED_DEPTHS)} blocks it is not gone yet, and such a "
        f"model learns, but at each depth it is behind the block that starts at zero: by {behind} nats. With that "
        f"block {max(TRAINED_DEPTHS)} of them are ahead of one. A random start of F lets h, and so the gradient, grow "
        "with depth. A start at zero leaves both as they are, at any depth; what "
        "differs is the draw of the layers above. In so few updates the random start may be ahead, as it has something "
        "to work with from the first one. The runs are short, and one each, and other seeds move these numbers by more "
        "than the errors say: they show how learning begins, not where it ends."
    )


def measured_arm(make: Callable[[int], PixelCNN], train: Tensor, test: Tensor) -> Arm:
    """Gradients before training and likelihoods after it, by depth."""
    gradients = {depth: first_gradient(make(depth), train[:20]) for depth in GRADIENT_DEPTHS}
    nats = {}
    for depth in TRAINED_DEPTHS:
        model = make(depth)
        fit(model, train, updates=UPDATES, **BRIEF)
        found = evaluate(model, test)
        nats[depth] = (found.nats, found.stderr)
    return Arm(gradients, nats)


@torch.no_grad()
def first_difference(x: Tensor) -> float:
    """How far the features after untrained blocks are from those before them."""
    model = PixelCNN(DIGITS, blocks=max(TRAINED_DEPTHS), features=FEATURES)
    h = model.first(model.encode(x[:10]))
    return float((model.stack(h) - h).abs().max())


def the_way_out(page: Page) -> None:
    page.heading("What no depth reaches")
    domain = Binary((1, SIDE, SIDE))
    models = {
        f"PixelCNN, {MOST_BLOCKS} blocks": PixelCNN(domain, blocks=MOST_BLOCKS, features=1),
        "Row LSTM, 1 layer": PixelRNN(domain, "row", layers=1, features=1),
        "Diagonal BiLSTM, 1 layer": PixelRNN(domain, "diagonal", layers=1, features=1),
        "the same, full context": PixelRNN(domain, "diagonal", layers=1, features=1, full_context=True),
    }
    page.paragraph(
        "So a PixelCNN pays for its parallel layers: it sees a block further with each block, and never into the "
        "wedge. A recurrent layer passes a state on from place to place, and its reach does not end after a number of "
        "layers. The paper has two. The Row LSTM's state comes from the row above, one column to either side. That is "
        "the slope of a 3×3 kernel again: it reaches the first row at once, but keeps the wedge. The Diagonal BiLSTM "
        "scans from both top corners, and the scan from the right brings what was hidden: all but one pixel. The next "
        "lesson says which, and what the library's `full_context` changes to see that one, too."
    )
    seen = {name: model.receptive_field() for name, model in models.items()}
    order = next(iter(models.values())).order
    page.figure(
        to_png(growth_figure(seen, order, domain, SITE)),
        "What recurrence adds, for the same pixel. On the left of the Row LSTM more layers help, on its right none.",
        "Four maps of what the middle pixel sees: in a PixelCNN, a Row LSTM and two Diagonal BiLSTMs.",
        "context.png",
    )
    page.paragraph(
        "The price is time: a state waits for the one before it, so a row or a diagonal is a step, where a "
        "convolution does all pixels at once. The next lesson builds both, from one recurrent neuron up."
    )
