"""The lesson on the forward and the backward pass."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor

from chainrule.domains import Binary
from chainrule.figures import to_png
from chainrule.formatting import counted, fixed, magnitude
from chainrule.layers.masked import MaskedLinear
from chainrule.learn.activations import ACTIVATIONS
from chainrule.learn.backprop import (
    Network,
    backward,
    backward_by_index,
    backward_chain,
    draw_network,
    forward,
)
from chainrule.learn.formulas import state
from chainrule.learn.gradients import (
    by_autograd,
    descend,
    finite_differences,
    jacobian,
    made_gradients,
    path_products,
)
from chainrule.learn.lessons.backprop_chain import the_backward_pass, the_chain, the_forward_pass, what_it_is_good_for
from chainrule.learn.pictures import backprop as pictures
from chainrule.learn.source import source
from chainrule.models.made import MADE
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.seeding import generator

LAYERS = Network(
    (
        np.array([[0.5, -0.4], [0.3, 0.8], [-0.7, 0.2]]),
        np.array([[0.6, -0.9, 0.4], [-0.5, 1.2, 0.3], [0.8, 0.7, -1.1]]),
    ),
    (np.zeros(3), np.array([0.2, -0.1, 0.0])),
    ("sigmoid", "sigmoid"),
)
"""A network of 2, 3 and 3 units, small enough to write down."""
X, Y = np.array([0.5, -1.0]), np.array([1.0, 0.0, 0.0])
UNIT = 1
"""The unit k of layer L−1 that is followed."""
CHECKED: tuple[tuple[tuple[int, ...], str | tuple[str, ...]], ...] = (
    ((1, 1), "sigmoid"),
    ((1, 1, 1, 1), "tanh"),
    ((3, 2), "identity"),
    ((4, 5, 3), "sigmoid"),
    ((4, 6, 6, 2), "relu"),
    ((3, 8, 1, 8, 2), ("tanh", "relu", "sigmoid", "identity")),
    ((2, 4, 4, 4, 4, 3), "tanh"),
)
"""Widths and activations of the networks whose gradients are checked."""
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
STEPS = 2000
DEPTH, WIDTH, NAMES = 20, 32, ("sigmoid", "tanh", "relu")
"""Of the networks in which derivatives fade."""


def write(page: Page, tell: Tell) -> None:
    chain = the_chain()
    the_forward_pass(page, chain)
    the_backward_pass(page, chain)
    tell(0.5)
    what_it_is_good_for(page, chain)
    a_whole_layer(page)
    tell(0.6)
    paths(page)
    the_check(page)
    tell(0.75)
    training(page)
    tell(0.85)
    what_vanishes(page)
    where_this_goes(page)
    tell(1.0)


def a_whole_layer(page: Page) -> None:
    page.heading("Any network")
    page.paragraph(
        "A layer gets a number, in brackets above. With one neuron in each layer nothing else is new, and C_{0} is the "
        "cost of one datum:"
    )
    state(page, "neuron-z", "neuron-a", "neuron-cost", "neuron-weight")
    page.paragraph(
        "With several, a unit of layer L gets the index j, one of the layer below the index k, and w_{jk} leads from k "
        "to j:"
    )
    state(page, "layer-z", "layer-a", "layer-cost", "layer-weight")
    page.paragraph(
        "A weight still has one way to the cost, through its own z_{j}. A unit of layer L−1 does not: it feeds every "
        "unit of layer L. What it does on all these ways adds up:"
    )
    state(page, "layer-below")
    page.figure(
        to_png(pictures.layer_figure(LAYERS, X, Y, UNIT)),
        f"Unit k = {UNIT} of layer L−1 acts on the cost on three ways, one through each unit j of layer L. Along a "
        "way the factors are multiplied; the three products are added.",
        "Three units of layer L minus 1 on the left, three of layer L in the middle, the cost on the right; the three "
        "ways of one unit are marked, with a factor on each part.",
        "backprop-layer.png",
    )
    the_programs(page)


def the_programs(page: Page) -> None:
    page.paragraph("The formulas as they stand, with a loop for each index:")
    page.code(source(backward_by_index), "python")
    page.paragraph(
        "`back` is ∂a_{j}/∂z_{j} · ∂C_{0}/∂a_{j}, which all derivatives through z_{j} have in common; 1.0 is "
        "∂z_{j}/∂b_{j}. (`_same_shape` refuses a y of another shape than the outputs.)"
    )
    page.paragraph("A sum over an index is a matrix product, so the same fits in a few lines:")
    page.code(source(backward), "python")
    batches(page)


def batches(page: Page) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 2)), rng.random((5, 3))
    twice = np.concatenate([x, x]), np.concatenate([y, y])
    found, loops = backward(LAYERS, x, y), backward_by_index(LAYERS, x, y)
    page.paragraph(
        f"For the network of the picture and {len(x)} data the two differ by at most "
        f"{magnitude(np.abs(found.numbers - loops.numbers).max())}, which is rounding; the derivatives go up to "
        f"{fixed(np.abs(found.numbers).max(), 2)}."
    )
    once, doubled = (each.weights[0][0, 0] for each in (found, backward(LAYERS, *twice)))
    page.paragraph(
        "Of a batch, `backward` gives the derivatives of the costs added up. Sum or mean is a choice, and it must be "
        f"known: with every datum of a batch of {len(x)} given twice, this sum's ∂/∂w_{{00}} goes from "
        f"{fixed(once, 4)} to {fixed(doubled, 4)}, while the mean's stays {fixed(once / len(x), 4)}. A learning rate "
        "that was found for the one is wrong for the other. The descent below takes the mean."
    )


def paths(page: Page) -> None:
    network, j, k = draw_network((2, 3, 2, 1), "tanh", seed=2), 0, 1
    products = path_products(network, X, source=k, target=j)
    exact = jacobian(network, X)[j, k]
    page.heading("Multiply along a path, add over paths")
    page.paragraph(
        "All of this in one sentence: the derivative of an output by an input is the sum, over all paths that lead "
        "from the one to the other, of the product of the factors along the path. A network of 2, 3, 2 and 1 units has "
        f"{len(products)} paths from an input to its output:"
    )
    rows = [[" → ".join(map(str, path)), fixed(value, 3)] for path, value in products.items()]
    page.table(
        ["units of the path", "product of its factors"],
        [*rows, ["sum", fixed(sum(products.values()), 3)], ["backward pass", fixed(exact, 3)]],
        f"From input {k} to the output; the backward pass adds them up without going through each.",
    )
    page.paragraph(
        "Paths are too many to go through one by one: with three hidden layers of 500 there are 500^{3} for each "
        "input and output. The backward pass never lists them."
    )
    page.paragraph(
        "And a sum over no path at all is zero, whatever the weights are. So whoever can cut all paths from an input "
        "to an output has made sure that the one does not depend on the other. That is how the masks of MADE work: "
        "`chainrule explain masks`."
    )


def the_check(page: Page) -> None:
    page.heading("Checked twice")
    page.paragraph(
        "A wrong derivative does not stop a program; it learns worse, and nobody sees why. So it is compared with two "
        "others: differences of costs (every number moved a little to both sides), and torch's autograd, "
        "both in float64."
    )
    rows = []
    for seed, (widths, names) in enumerate(CHECKED):
        network, rng = draw_network(widths, names, seed), np.random.default_rng(seed)
        x, y = rng.normal(size=(3, widths[0])), rng.normal(size=(3, widths[-1]))
        numbers = backward(network, x, y).numbers
        apart = (np.abs(way(network, x, y).numbers - numbers).max() for way in (finite_differences, by_autograd))
        named = names if isinstance(names, str) else ", ".join(names)
        rows.append([" ".join(map(str, widths)), named, str(len(numbers)), *map(magnitude, apart)])
    page.table(
        ["widths", "activations", "derivatives", "off differences", "off autograd"],
        rows,
        "The largest difference between this lesson's derivatives, all of ∂/∂w_{jk}, ∂/∂b_{j} and ∂/∂a_{k} for three "
        "data, and each of the other two.",
    )


def training(page: Page) -> None:
    x, y = XOR
    lone, costs_of_lone = descend(draw_network((2, 1), "sigmoid", seed=0), x, y, rate=2.0, steps=STEPS)
    network, costs = descend(draw_network((2, 4, 1), ("tanh", "sigmoid"), seed=0), x, y, rate=2.0, steps=STEPS)
    page.heading("A network that learns")
    page.paragraph(
        "The output should be 1 where exactly one of two inputs is 1 (exclusive or). A single neuron cuts the plane "
        f"along a line and cannot do this: after {counted(STEPS, 'step')} its mean cost is "
        f"{fixed(costs_of_lone[-1], 4)}, and all its outputs are near "
        f"{fixed(float(forward(lone, x).output.mean()), 2)}. With four hidden neurons the same descent takes the mean "
        f"cost from {fixed(costs[0], 4)} to {fixed(costs[-1], 4)}."
    )
    page.paragraph(
        "The descent: all derivatives first, and then w ← w − rate · ∂C/∂w for all weights and biases, where C is the "
        "mean cost."
    )
    page.figure(
        to_png(pictures.training_figure({"one neuron": costs_of_lone, "four hidden": costs}, network, x, y)),
        "Left: the mean cost of four data over the steps. Right: what the network with four hidden neurons gives at "
        "each point; in the circles, what it should give.",
        "A curve of the cost that stays at a quarter and one that falls; and a map of outputs, with ones in two "
        "opposite corners and zeros in the other two.",
        "backprop-xor.png",
    )


def what_vanishes(page: Page) -> None:
    page.heading("Which factors vanish")
    page.paragraph(
        "A product is as small as its factors make it. The derivative of the sigmoid is at most 1/4, and far from 0 it "
        "is nearly nothing: the neuron is saturated. In the chain of two neurons, let the first bias move z_{1}:"
    )
    rows, start = [], the_chain()
    for z in (-2.0, 0.0, 2.0, 5.0, 10.0):
        chain = the_chain(b1=z - start.a0 * start.w1)
        slopes = (float(ACTIVATIONS[name].slope(z)) for name in NAMES)
        rows.append([fixed(z, 0), *map(magnitude, slopes), magnitude(backward_chain(chain).dc_dw1)])
    page.table(
        ["z_{1}", *(f"A'(z_{{1}}), {name}" for name in NAMES), "∂c/∂w_{1}, sigmoid"],
        rows,
        "The factor ∂a_{1}/∂z_{1} of three activations, and what the sigmoid's leaves of the derivative by the first "
        "weight. A relu passes all or nothing (at 0 it has no derivative; 0 is taken).",
    )
    fading(page)
    page.paragraph(
        "A recurrent network goes through the same weights once for each step in time, so there the product has as "
        "many factors as the sequence is long. `chainrule explain recurrence` shows what becomes of it, and what an "
        "LSTM does about it. Residual blocks add their input to their output, and so give the derivative a way around: "
        "`chainrule explain convolution`."
    )


def fading(page: Page) -> None:
    sizes = {name: sizes_by_layer(draw_network([WIDTH] * (DEPTH + 1), name, seed=1)) for name in NAMES}
    page.figure(
        to_png(pictures.fading_figure(sizes)),
        f"Left: derivatives of three activations. Right: the root mean square of ∂C_{{0}}/∂a in the layers of networks "
        f"{DEPTH} layers deep and {WIDTH} wide, with weights of variance 1/{WIDTH}, on a logarithmic scale.",
        "Three curves of derivatives, and three falling lines of the size of derivatives over the layers; that of the "
        "sigmoid falls fastest.",
        "backprop-fading.png",
    )
    left = {name: magnitude(each[0] / each[-1]) for name, each in sizes.items()}
    twice = sizes_by_layer(scaled(draw_network([WIDTH] * (DEPTH + 1), "relu", seed=1), math.sqrt(2)))
    page.paragraph(
        f"Over {DEPTH} layers, {left['sigmoid']} of what left the output arrives at the input with the sigmoid, "
        f"{left['tanh']} with tanh, {left['relu']} with relu (in these networks, one draw of weights each). With the "
        "sigmoid the first layers hardly learn. The weights are factors too: drawn with twice the variance, which "
        f"makes up for the half of the relus that are shut, relu passes on {magnitude(twice[0] / twice[-1])}. The "
        "masked layers of chainrule start so."
    )


def scaled(network: Network, factor: float) -> Network:
    """The network with its weights multiplied by that factor."""
    return Network(tuple(w * factor for w in network.weights), network.biases, network.activations)


def sizes_by_layer(network: Network) -> list[float]:
    """The root mean square of ∂C_0/∂a, from the input to the output, for random data."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(50, WIDTH)), rng.random((50, WIDTH))
    return [float(np.sqrt((each**2).mean())) for each in backward(network, x, y).a]


def where_this_goes(page: Page) -> None:
    model, x = small_made()
    layers = cast(MaskedLinear, model.layers[0]), model.output
    loss = (-model.log_prob(x)).sum()
    auto = torch.autograd.grad(loss, [layer.weight for layer in layers])
    apart = max(float((some - other).abs().max()) for some, other in zip(made_gradients(model, x), auto, strict=True))
    closed = torch.cat([grad[~layer.mask] for grad, layer in zip(auto, layers, strict=True)])
    page.heading("Where this goes")
    page.paragraph(
        "Every model of chainrule is trained by these two passes. torch's autograd writes down the forward pass as a "
        "graph and goes through it backwards. Only the recurrent layers have a backward pass written by hand, since "
        "it is faster; tests hold it to autograd. Of a MADE with one hidden layer the formulas above give it in a few "
        "lines. Its cost is the cross-entropy (the next lesson has its formula), for which ∂C_{0}/∂z_{d} = x̂_{d} − "
        "x_{d}: the σ' of the output cancels, so an output that is wrong and saturated still learns. New are the "
        "masks, factors of 0 or 1 on each weight; `_two_layers` takes the two layers out of the model:"
    )
    page.code(source(made_gradients), "python")
    page.paragraph(
        f"From autograd they differ by {magnitude(apart)} at most. And of the {len(closed)} weights that the masks "
        f"close, {int((closed != 0).sum())} have a derivative other than 0. A closed weight enters as w · 0, so its "
        "factor is 0, and it never learns."
    )
    page.paragraph(
        "What these masks are for takes two more steps. The next lesson, `chainrule explain autoencoders`, has the "
        "network that they are put into."
    )


def small_made() -> tuple[MADE, Tensor]:
    """A MADE over six binary sites with random weights, in float64, and data."""
    model, rng = MADE(Binary((6,)), hidden=(10,)).double(), generator(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=rng)
    return model, torch.randint(2, (20, 6), generator=rng).double()
