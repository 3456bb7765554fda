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
from chainrule.layers.linear import MaskedLinear
from chainrule.learn.activations import ACTIVATIONS
from chainrule.learn.backpropagation import Network, backward, backward_by_index, backward_chain, forward, init_network
from chainrule.learn.figures import backpropagation_figures as figures
from chainrule.learn.formulas import add_formulas
from chainrule.learn.gradients import (
    autograd_gradients,
    finite_differences,
    jacobian,
    made_gradients,
    multiply_along_paths,
    run_gradient_descent,
)
from chainrule.learn.lessons.backprop_chain import add_backward_pass, add_derivative_check, add_forward_pass, make_chain
from chainrule.learn.source_code import read_source
from chainrule.models.made import MADE
from chainrule.reports import Page, StageProgress
from chainrule.seeding import generator

EXAMPLE = Network(
    (
        np.array([[0.5, -0.4], [0.3, 0.8], [-0.7, 0.2]]),
        np.array([[0.6, -0.9, 0.4], [-0.5, 1.2, 0.3], [0.8, 0.7, -1.1]]),
    ),
    (np.zeros(3), np.array([0.2, -0.1, 0.0])),
    ("sigmoid", "sigmoid"),
)
"""A network of 2, 3 and 3 units."""
X, Y = np.array([0.5, -1.0]), np.array([1.0, 0.0, 0.0])
EXAMPLE_UNIT = 1
"""The unit k of layer L−1 in the figure."""
CHECKED_NETWORKS: tuple[tuple[tuple[int, ...], str | tuple[str, ...]], ...] = (
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
"""Layers, units and activation functions of the networks with vanishing gradients."""


def write(page: Page, progress: StageProgress) -> None:
    chain = make_chain()
    add_forward_pass(page, chain)
    add_backward_pass(page, chain)
    progress(0.5)
    add_derivative_check(page, chain)
    add_layer_formulas(page)
    progress(0.6)
    add_paths(page)
    add_gradient_check(page)
    progress(0.75)
    add_training(page)
    progress(0.85)
    add_vanishing_gradients(page)
    add_made_gradients(page)
    progress(1.0)


def add_layer_formulas(page: Page) -> None:
    page.heading("Any network")
    page.paragraph(
        "A network has several layers; the number of a layer is written above, in brackets. With one neuron in each "
        "layer the equations stay the same. C_{0} is the cost of one datum:"
    )
    add_formulas(page, "neuron-z", "neuron-a", "neuron-cost", "neuron-weight")
    page.paragraph(
        "With several units in a layer, j is the index of a unit of layer L, k is the index of a unit of the layer "
        "below, and w_{jk} is the weight of the connection from k to j:"
    )
    add_formulas(page, "layer-z", "layer-a", "layer-cost", "layer-weight")
    page.paragraph(
        "A weight w_{jk} still acts on the cost along one path, through its own z_{j}. But a unit of layer L−1 is an "
        "input of every unit of layer L. Its derivative is the sum over all these paths:"
    )
    add_formulas(page, "layer-below")
    page.figure(
        to_png(figures.plot_layer(EXAMPLE, X, Y, EXAMPLE_UNIT)),
        f"Unit k = {EXAMPLE_UNIT} of layer L−1 acts on the cost along three paths, one through each unit j of layer "
        "L. Along a path the factors are multiplied; the three products are added.",
        "Three units of layer L minus 1 on the left, three of layer L in the middle, the cost on the right; the "
        "three paths of one unit are marked, with a factor on each part.",
        "backprop-layer.png",
    )
    add_programs(page)


def add_programs(page: Page) -> None:
    page.paragraph("This program follows the formulas literally, with a loop for each index:")
    page.code(read_source(backward_by_index), "python")
    page.paragraph(
        "`back` is ∂a_{j}/∂z_{j} · ∂C_{0}/∂a_{j}, the factor that all derivatives through z_{j} have in common; 1.0 "
        "is ∂z_{j}/∂b_{j}. (`_check_same_shape` raises an error if the shape of y differs from the shape of the "
        "outputs.)"
    )
    page.paragraph("A sum over an index is a matrix product, so the same computation needs only a few lines:")
    page.code(read_source(backward), "python")
    add_batches(page)


def add_batches(page: Page) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 2)), rng.random((5, 3))
    twice = np.concatenate([x, x]), np.concatenate([y, y])
    found, loops = backward(EXAMPLE, x, y), backward_by_index(EXAMPLE, x, y)
    page.paragraph(
        f"For the network of the picture and {len(x)} data the results of both programs differ by at most "
        f"{magnitude(np.abs(found.flat - loops.flat).max())}, which is rounding error; the largest derivative is "
        f"{fixed(np.abs(found.flat).max(), 2)}."
    )
    once, doubled = (each.weights[0][0, 0] for each in (found, backward(EXAMPLE, *twice)))
    page.paragraph(
        "For a batch, `backward` returns the derivatives of the sum of the costs. Other programs use the mean of "
        f"the costs, and it must be known which one is used. If every datum of a batch of {len(x)} is repeated, "
        f"∂/∂w_{{00}} of the sum changes from {fixed(once, 4)} to {fixed(doubled, 4)}, and ∂/∂w_{{00}} of the mean "
        f"stays {fixed(once / len(x), 4)}. A learning rate that suits the sum does not suit the mean. The gradient "
        "descent below uses the mean."
    )


def add_paths(page: Page) -> None:
    network, j, k = init_network((2, 3, 2, 1), "tanh", seed=2), 0, 1
    products = multiply_along_paths(network, X, source=k, target=j)
    exact = jacobian(network, X)[j, k]
    page.heading("Multiply along a path, add over paths")
    page.paragraph(
        "All of this can be said in one sentence: the derivative of an output with respect to an input is the sum, "
        "over all paths from this input to this output, of the product of the factors along the path. A network of "
        f"2, 3, 2 and 1 units has {len(products)} paths from an input to its output:"
    )
    rows = [[" → ".join(map(str, path)), fixed(value, 3)] for path, value in products.items()]
    page.table(
        ["units of the path", "product of its factors"],
        [*rows, ["sum", fixed(sum(products.values()), 3)], ["backward pass", fixed(exact, 3)]],
        f"All paths from input {k} to the output. The backward pass computes their sum without visiting each path.",
    )
    page.paragraph(
        "There are too many paths to visit them one by one: with three hidden layers of 500 units there are 500^{3} "
        "paths from each input to each output. The backward pass never lists them."
    )
    page.paragraph(
        "If no path leads from an input to an output, the sum has no terms. It is zero, whatever the weights are. So "
        "an output does not depend on an input if all paths between them are cut. The masks of MADE do this: "
        "`chainrule explain masks`."
    )


def add_gradient_check(page: Page) -> None:
    page.heading("Check the derivatives in two ways")
    page.paragraph(
        "A program with a wrong derivative does not stop. It learns worse, and nobody sees why. So we compare our "
        "derivatives with the results of two other methods: with central differences of the cost (every parameter is "
        "moved a little up and a little down), and with torch's autograd. Both use float64."
    )
    rows = []
    for seed, (widths, names) in enumerate(CHECKED_NETWORKS):
        network, rng = init_network(widths, names, seed=seed), np.random.default_rng(seed)
        x, y = rng.normal(size=(3, widths[0])), rng.normal(size=(3, widths[-1]))
        numbers = backward(network, x, y).flat
        apart = (np.abs(way(network, x, y).flat - numbers).max() for way in (finite_differences, autograd_gradients))
        named = names if isinstance(names, str) else ", ".join(names)
        rows.append([" ".join(map(str, widths)), named, str(len(numbers)), *map(magnitude, apart)])
    page.table(
        ["widths", "activations", "derivatives", "to differences", "to autograd"],
        rows,
        "The largest difference between this lesson's derivatives and the derivatives of the two other methods, over "
        "all ∂/∂w_{jk}, ∂/∂b_{j} and ∂/∂a_{k}, for three data.",
    )


def add_training(page: Page) -> None:
    x, y = XOR
    lone, costs_of_lone = run_gradient_descent(
        init_network((2, 1), "sigmoid", seed=0), x, y, learning_rate=2.0, steps=STEPS
    )
    network, costs = run_gradient_descent(
        init_network((2, 4, 1), ("tanh", "sigmoid"), seed=0), x, y, learning_rate=2.0, steps=STEPS
    )
    page.heading("A network that learns")
    page.paragraph(
        "The target is 1 if exactly one of two inputs is 1 (exclusive or). A single neuron divides the plane along "
        f"one line, and cannot learn this function: after {counted(STEPS, 'step')} its mean cost is "
        f"{fixed(costs_of_lone[-1], 4)}, and all its outputs are near "
        f"{fixed(float(forward(lone, x).output.mean()), 2)}. With four hidden neurons the same gradient descent "
        f"lowers the mean cost from {fixed(costs[0], 4)} to {fixed(costs[-1], 4)}."
    )
    page.paragraph(
        "A step of the descent computes all derivatives first. Then it sets w ← w − rate · ∂C/∂w for all weights and "
        "biases, where C is the mean cost."
    )
    page.figure(
        to_png(figures.plot_training({"one neuron": costs_of_lone, "four hidden": costs}, network, x, y)),
        "Left: the mean cost of the four data at each step. Right: the output of the network with four hidden "
        "neurons at each point. The circles show the targets.",
        "A curve of the cost that stays at a quarter and one that falls; and a map of outputs, with ones in two "
        "opposite corners and zeros in the other two.",
        "backprop-xor.png",
    )


def add_vanishing_gradients(page: Page) -> None:
    page.heading("Vanishing gradients")
    page.paragraph(
        "A product of many small factors is very small. The derivative of the sigmoid is at most 1/4. Far from 0 it "
        "is almost zero: the neuron is saturated. The table changes z_{1} in the chain of two neurons, by changing "
        "the first bias:"
    )
    rows, start = [], make_chain()
    for z in (-2.0, 0.0, 2.0, 5.0, 10.0):
        chain = make_chain(b1=z - start.a0 * start.w1)
        slopes = (float(ACTIVATIONS[name].derivative(z)) for name in NAMES)
        rows.append([fixed(z, 0), *map(magnitude, slopes), magnitude(backward_chain(chain).dc_dw1)])
    page.table(
        ["z_{1}", *(f"A'(z_{{1}}), {name}" for name in NAMES), "∂c/∂w_{1}, sigmoid"],
        rows,
        "The factor ∂a_{1}/∂z_{1} of three activation functions, and the derivative ∂c/∂w_{1} with the sigmoid. The "
        "factor of the relu is 1 or 0 (at 0 the relu has no derivative, and the program uses 0).",
    )
    add_depth_comparison(page)
    page.paragraph(
        "A recurrent network applies the same weights at each time step, so its product has one factor for each time "
        "step. `chainrule explain recurrence` shows the effect on the gradient, and how an LSTM reduces it. A "
        "residual block adds its input to its output, and this gives the gradient a second path: `chainrule explain "
        "convolution`."
    )


def add_depth_comparison(page: Page) -> None:
    sizes = {name: gradient_sizes(init_network([WIDTH] * (DEPTH + 1), name, seed=1)) for name in NAMES}
    page.figure(
        to_png(figures.plot_fading_gradients(sizes)),
        "Left: the derivatives of three activation functions. Right: the root mean square of ∂C_{0}/∂a in the "
        f"layers of networks with {DEPTH} layers of {WIDTH} units and weights of variance 1/{WIDTH}, on a "
        "logarithmic scale.",
        "Three curves of derivatives, and three falling lines of the size of derivatives over the layers; the line "
        "of the sigmoid falls fastest.",
        "backprop-fading.png",
    )
    left = {name: magnitude(each[0] / each[-1]) for name, each in sizes.items()}
    twice = gradient_sizes(scale_weights(init_network([WIDTH] * (DEPTH + 1), "relu", seed=1), math.sqrt(2)))
    page.paragraph(
        f"The ratio of the gradient's size at the input to its size at the output, {DEPTH} layers later, is "
        f"{left['sigmoid']} with the sigmoid, {left['tanh']} with tanh and {left['relu']} with relu (for one random "
        "draw of the weights of each network). With the sigmoid the first layers hardly learn. The weights are "
        "factors too. With twice the variance, which compensates for the half of the relus whose derivative is 0, "
        f"the ratio with relu is {magnitude(twice[0] / twice[-1])}. The masked layers of chainrule start with this "
        "variance."
    )


def scale_weights(network: Network, factor: float) -> Network:
    """Return the network with all weights multiplied by a factor."""
    return Network(tuple(w * factor for w in network.weights), network.biases, network.activations)


def gradient_sizes(network: Network) -> list[float]:
    """Return the root mean square of ∂C_0/∂a for each layer, from the input to the output, on random data."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(50, WIDTH)), rng.random((50, WIDTH))
    return [float(np.sqrt((each**2).mean())) for each in backward(network, x, y).a]


def add_made_gradients(page: Page) -> None:
    model, x = make_small_made()
    layers = cast(MaskedLinear, model.layers[0]), model.output
    loss = (-model.log_prob(x)).sum()
    auto = torch.autograd.grad(loss, [layer.weight for layer in layers])
    apart = max(float((some - other).abs().max()) for some, other in zip(made_gradients(model, x), auto, strict=True))
    closed = torch.cat([grad[~layer.mask] for grad, layer in zip(auto, layers, strict=True)])
    page.heading("Backpropagation in chainrule")
    page.paragraph(
        "Every model of chainrule is trained by these two passes. torch's autograd records the forward pass as a "
        "graph and goes through this graph backwards. Only the recurrent layers have a backward pass written by "
        "hand, which is faster; tests compare it with autograd. For a MADE with one hidden layer, the formulas above "
        "are a few lines of code. The cost is the cross-entropy (the next lesson gives its formula). For it "
        "∂C_{0}/∂z_{d} = x̂_{d} − x_{d}: the factor σ' of the output cancels, so an output that is wrong and "
        "saturated still learns. The masks are new: they are factors of 0 or 1 on each weight. `_two_layers` returns "
        "the two layers of the model:"
    )
    page.code(read_source(made_gradients), "python")
    page.paragraph(
        f"The result differs from autograd by {magnitude(apart)} at most. Of the {len(closed)} weights that the "
        f"masks set to 0, {int((closed != 0).sum())} have a derivative other than 0. A masked weight enters as w · "
        "0, so its derivative has a factor 0, and the weight never changes."
    )
    page.paragraph(
        "Two more lessons show what the masks are for. The next lesson, `chainrule explain autoencoders`, introduces "
        "the network to which they are applied."
    )


def make_small_made() -> tuple[MADE, Tensor]:
    """Return a float64 MADE over six binary sites with random weights, and random data."""
    model, rng = MADE(Binary((6,)), hidden=(10,)).double(), generator(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=rng)
    return model, torch.randint(2, (20, 6), generator=rng).double()
