"""The chapters on the chain of two neurons, in the lesson on backpropagation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chainrule.figures import to_png
from chainrule.formatting import counted, fixed
from chainrule.learn.backpropagation import ChainDerivatives, ChainValues, backward_chain, forward_chain
from chainrule.learn.figures import backpropagation_figures as figures
from chainrule.learn.figures.animation import to_gif
from chainrule.learn.formulas import add_formulas
from chainrule.learn.source_code import read_source
from chainrule.reports import Page

RATE = 1.0


def make_chain(b1: float = -0.3, w2: float = -1.2) -> ChainValues:
    """Return the forward pass of the example, with a different b1 or w2 if given."""
    return forward_chain(a0=0.5, w1=1.5, b1=b1, w2=w2, b2=0.4, y=1.0)


def add_forward_pass(page: Page, chain: ChainValues) -> None:
    page.paragraph(
        "A network learns by changing its weights so that a cost falls. For this it needs the derivative of the cost "
        "with respect to each weight. This lesson computes these derivatives, first for two neurons in a chain, with "
        "every number on the page, then for any network."
    )
    page.heading("The forward pass")
    page.paragraph(
        "Two neurons form a chain. Each neuron multiplies its input by its weight, adds its bias, and applies an "
        f"activation function A, here the {chain.activation} σ(z) = 1/(1 + e^{{−z}}). The cost compares the last "
        "output with the target y: C(a_{2}, y) = (a_{2} − y)^{2}."
    )
    add_formulas(page, "chain-z1", "chain-a1", "chain-z2", "chain-a2", "chain-cost")
    page.paragraph("With numbers, line by line:")
    page.code(format_forward_pass(chain))


def format_forward_pass(c: ChainValues) -> str:
    """Format the forward pass as lines of symbols, numbers and a result."""
    return align_columns(
        [
            ("z1 = a0 w1 + b1", f"{fmt(c.a0)} · {fmt(c.w1)} + {fmt(c.b1)}", fixed(c.z1, 4)),
            ("a1 = A(z1)", f"A({fixed(c.z1, 4)})", fixed(c.a1, 4)),
            ("z2 = a1 w2 + b2", f"{fmt(c.a1)} · {fmt(c.w2)} + {fmt(c.b2)}", fixed(c.z2, 4)),
            ("a2 = A(z2)", f"A({fixed(c.z2, 4)})", fixed(c.a2, 4)),
            ("c  = (a2 − y)²", f"({fmt(c.a2)} − {fmt(c.y)})²", fixed(c.c, 4)),
        ]
    )


def add_backward_pass(page: Page, chain: ChainValues) -> None:
    factors = backward_chain(chain)
    page.heading("The backward pass")
    page.paragraph(
        "A small change of w_{2} changes z_{2}, the change of z_{2} changes a_{2}, and the change of a_{2} changes "
        "c. The derivative of c with respect to w_{2} is the product of three derivatives. This is the chain rule, "
        "and each factor is the derivative of one line above."
    )
    add_formulas(page, "chain-w2", "chain-w1")
    page.paragraph(
        "w_{1} is further away from the cost, so its product has five factors. The last two factors are the same as "
        "before, because both paths go from z_{2} to c. Every factor is computed from numbers of the forward pass:"
    )
    page.code(format_factors(chain, factors))
    page.paragraph("The derivatives of the cost are the products of these factors:")
    page.code(format_products(factors))
    add_graph(page, chain, factors)
    page.paragraph("The program is no longer than the formulas:")
    page.code(read_source(backward_chain), "python")
    page.paragraph(
        "The pass goes backwards because then it multiplies the common factors only once. ∂c/∂z_{2} is part of the "
        f"derivatives of w_{{2}}, of b_{{2}} and of everything before them. For the weights of {counted(2, 'layer')} "
        f"this saves little: {count_multiplications(2)[1]} multiplications instead of {count_multiplications(2)[0]}. "
        f"For the weights of a chain of 100 layers it takes {count_multiplications(100)[1]:,} multiplications "
        f"instead of {count_multiplications(100)[0]:,}."
    )


def add_graph(page: Page, chain: ChainValues, factors: ChainDerivatives) -> None:
    page.figure(
        to_png(figures.plot_chain(chain, factors)),
        "The chain as a graph. Values flow from left to right, above the arrows. Below each arrow is the derivative "
        "of its end with respect to its start. In black: the product of all factors from a value to c.",
        "A graph from a0 over z1, a1, z2 and a2 to the cost c, with weights and biases entering from above; values, "
        "factors and products beside each arrow.",
        "backprop-chain.png",
    )
    page.figure(
        to_gif(figures.draw_chain_frames(chain, factors), milliseconds=700, last=4000),
        "The two passes as an animation: first the values, from left to right, then the derivatives, from right to "
        "left. Each new product is the product to its right times one factor.",
        "The graph of the chain fills with values from left to right, then with derivatives from right to left.",
        "backprop-passes.gif",
    )


def format_factors(c: ChainValues, f: ChainDerivatives) -> str:
    """Format each factor as a line of symbols, numbers and a result."""
    return align_columns(
        [
            ("∂c/∂a2  = 2 (a2 − y)", f"2 ({fmt(c.a2)} − {fmt(c.y)})", fixed(f.dc_da2, 4)),
            ("∂a2/∂z2 = A'(z2) = a2 (1 − a2)", f"{fmt(c.a2)} · {fmt(1 - c.a2)}", fixed(f.da2_dz2, 4)),
            ("∂z2/∂w2 = a1", "", fixed(f.dz2_dw2, 4)),
            ("∂z2/∂b2 = 1", "", fixed(f.dz2_db2, 4)),
            ("∂z2/∂a1 = w2", "", fixed(f.dz2_da1, 4)),
            ("∂a1/∂z1 = A'(z1) = a1 (1 − a1)", f"{fmt(c.a1)} · {fmt(1 - c.a1)}", fixed(f.da1_dz1, 4)),
            ("∂z1/∂w1 = a0", "", fixed(f.dz1_dw1, 4)),
            ("∂z1/∂b1 = 1", "", fixed(f.dz1_db1, 4)),
            ("∂z1/∂a0 = w1", "", fixed(f.dz1_da0, 4)),
        ]
    )


def format_products(f: ChainDerivatives) -> str:
    """Format the derivatives of the cost, each as three lines: symbols, numbers and a result."""
    back2 = [("∂a2/∂z2", f.da2_dz2), ("∂c/∂a2", f.dc_da2)]
    back1 = [("∂a1/∂z1", f.da1_dz1), ("∂z2/∂a1", f.dz2_da1), *back2]
    products = {
        "∂c/∂w2": ([("∂z2/∂w2", f.dz2_dw2), *back2], f.dc_dw2),
        "∂c/∂b2": ([("∂z2/∂b2", f.dz2_db2), *back2], f.dc_db2),
        "∂c/∂w1": ([("∂z1/∂w1", f.dz1_dw1), *back1], f.dc_dw1),
        "∂c/∂b1": ([("∂z1/∂b1", f.dz1_db1), *back1], f.dc_db1),
        "∂c/∂a0": ([("∂z1/∂a0", f.dz1_da0), *back1], f.dc_da0),
    }
    lines = []
    for name, (parts, result) in products.items():
        lines.append(f"{name} = {' × '.join(symbol for symbol, _ in parts)}")
        lines.append(f"       = {' × '.join(fmt(value) for _, value in parts)}")
        lines.append(f"       = {fixed(result, 4)}")
    return "\n".join(lines)


def count_multiplications(layers: int) -> tuple[int, int]:
    """Return the multiplications for ∂c/∂w of all weights of a chain: with separate products, and backwards.

    The separate product of a weight i layers before the last has 3 + 2 i factors. The backward pass takes two
    multiplications for the last layer, and three for each other layer: by ∂z/∂a, by ∂a/∂z, and by its own ∂z/∂w.
    """
    return sum(2 + 2 * i for i in range(layers)), 2 + 3 * (layers - 1)


def add_derivative_check(page: Page, chain: ChainValues) -> None:
    factors, nudge = backward_chain(chain), 0.01
    moved = make_chain(w2=chain.w2 + nudge)
    after = forward_chain(
        chain.a0, chain.w1 - RATE * factors.dc_dw1, chain.b1 - RATE * factors.dc_db1,
        chain.w2 - RATE * factors.dc_dw2, chain.b2 - RATE * factors.dc_db2, chain.y,
    )  # fmt: skip
    page.heading("Check a derivative, and use it", 3)
    page.paragraph(
        f"Add Δw_{{2}} = {nudge} to w_{{2}} and run the forward pass again: c changes by Δc = "
        f"{fixed(moved.c - chain.c, 6)}, so Δc/Δw_{{2}} = {fixed((moved.c - chain.c) / nudge, 4)}. The derivative is "
        f"∂c/∂w_{{2}} = {fixed(factors.dc_dw2, 4)}. The two agree better for smaller steps, until rounding errors "
        "become visible."
    )
    page.paragraph(
        f"Now subtract from each weight and each bias {RATE:g} times its derivative. The cost falls from "
        f"{fixed(chain.c, 4)} to {fixed(after.c, 4)}. This is one step of gradient descent."
    )
    early = replace(factors, dz2_da1=chain.w2 - RATE * factors.dc_dw2)
    page.paragraph(
        "A common mistake is to change w_{2} as soon as its derivative is known, before the pass has read "
        f"∂z_{{2}}/∂a_{{1}} = w_{{2}}. Then ∂c/∂w_{{1}} becomes {fixed(early.dc_dw1, 4)} instead of "
        f"{fixed(factors.dc_dw1, 4)}, which is not the derivative of any network. Compute all derivatives first, "
        "then change the weights."
    )


def fmt(value: float) -> str:
    """Format a number with four decimals, in brackets if it is negative."""
    return fixed(value, 4) if value >= 0 else f"({fixed(value, 4)})"


def align_columns(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return lines of symbols, numbers and a result, with aligned columns."""
    left, middle = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = []
    for symbols, numbers, result in rows:
        filled = f"= {numbers}" if numbers else ""
        lines.append(f"{symbols:<{left}} {filled:<{middle + 2}} = {result}")
    return "\n".join(lines)
