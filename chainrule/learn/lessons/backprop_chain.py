"""The chapters on the chain of two neurons, in the lesson on the forward and the backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chainrule.figures import to_png
from chainrule.formatting import counted, fixed
from chainrule.learn.backprop import Chain, Factors, backward_chain, forward_chain
from chainrule.learn.formulas import state
from chainrule.learn.pictures import backprop as pictures
from chainrule.learn.pictures.animation import to_gif
from chainrule.learn.source import source
from chainrule.reports import Page

RATE = 1.0


def the_chain(b1: float = -0.3, w2: float = -1.2) -> Chain:
    """The forward pass that is shown, or one that differs in one of these."""
    return forward_chain(a0=0.5, w1=1.5, b1=b1, w2=w2, b2=0.4, y=1.0)


def the_forward_pass(page: Page, chain: Chain) -> None:
    page.paragraph(
        "A network learns by changing its weights so that a cost falls. For that it must know, of each weight, by how "
        "much the cost changes with it. This lesson computes that: first for two neurons in a row, with every number "
        "on the page, then for any network."
    )
    page.heading("The forward pass")
    page.paragraph(
        "Two neurons in a row. Each multiplies what comes in by its weight, adds its bias, and applies an activation "
        f"A, here the {chain.activation} σ(z) = 1/(1 + e^{{−z}}). The cost compares the last output with the desired "
        "one: C(a_{2}, y) = (a_{2} − y)^{2}."
    )
    state(page, "chain-z1", "chain-a1", "chain-z2", "chain-a2", "chain-cost")
    page.paragraph("With numbers, line by line:")
    page.code(forward_lines(chain))


def forward_lines(c: Chain) -> str:
    """The forward pass: symbols, numbers, result."""
    return aligned(
        [
            ("z1 = a0 w1 + b1", f"{n(c.a0)} · {n(c.w1)} + {n(c.b1)}", fixed(c.z1, 4)),
            ("a1 = A(z1)", f"A({fixed(c.z1, 4)})", fixed(c.a1, 4)),
            ("z2 = a1 w2 + b2", f"{n(c.a1)} · {n(c.w2)} + {n(c.b2)}", fixed(c.z2, 4)),
            ("a2 = A(z2)", f"A({fixed(c.z2, 4)})", fixed(c.a2, 4)),
            ("c  = (a2 − y)²", f"({n(c.a2)} − {n(c.y)})²", fixed(c.c, 4)),
        ]
    )


def the_backward_pass(page: Page, chain: Chain) -> None:
    factors = backward_chain(chain)
    page.heading("The backward pass")
    page.paragraph(
        "Move w_{2} a little. That moves z_{2}, which moves a_{2}, which moves c. How much arrives is the product of "
        "the three: this is the chain rule, and each factor is the derivative of one line above."
    )
    state(page, "chain-w2", "chain-w1")
    page.paragraph(
        "w_{1} is further away, so there are five factors. The last two are the same ones: what lies between z_{2} and "
        "c is on both ways. Every factor is found from numbers that the forward pass has already computed:"
    )
    page.code(factor_lines(chain, factors))
    page.paragraph("And their products:")
    page.code(product_lines(factors))
    the_graph(page, chain, factors)
    page.paragraph("The program is no longer than the formulas:")
    page.code(source(backward_chain), "python")
    page.paragraph(
        "Why backwards? Because then the common factors are multiplied once. ∂c/∂z_{2} serves w_{2}, b_{2} and all "
        f"that lies before. For the weights of {counted(2, 'layer')} that saves little: {multiplications(2)[1]} "
        f"multiplications instead of {multiplications(2)[0]}. For those of a chain of 100 layers it is "
        f"{multiplications(100)[1]:,} instead of {multiplications(100)[0]:,}."
    )


def the_graph(page: Page, chain: Chain, factors: Factors) -> None:
    page.figure(
        to_png(pictures.chain_figure(chain, factors)),
        "The chain as a graph. Values go from left to right, above the arrows. Below each arrow stands the derivative "
        "of where it ends by where it begins. The product of all factors from a value to c stands in black.",
        "A graph from a0 over z1, a1, z2 and a2 to the cost c, with weights and biases entering from above; values, "
        "factors and products beside each arrow.",
        "backprop-chain.png",
    )
    page.figure(
        to_gif(pictures.chain_frames(chain, factors), 700, last=4000),
        "The same in time: first the values, from left to right, then the derivatives, from right to left. Each new "
        "product is the one to its right times one factor.",
        "The graph of the chain fills with values from left to right, then with derivatives from right to left.",
        "backprop-passes.gif",
    )


def factor_lines(c: Chain, f: Factors) -> str:
    """Each factor: symbols, numbers, result."""
    return aligned(
        [
            ("∂c/∂a2  = 2 (a2 − y)", f"2 ({n(c.a2)} − {n(c.y)})", fixed(f.dc_da2, 4)),
            ("∂a2/∂z2 = A'(z2) = a2 (1 − a2)", f"{n(c.a2)} · {n(1 - c.a2)}", fixed(f.da2_dz2, 4)),
            ("∂z2/∂w2 = a1", "", fixed(f.dz2_dw2, 4)),
            ("∂z2/∂b2 = 1", "", fixed(f.dz2_db2, 4)),
            ("∂z2/∂a1 = w2", "", fixed(f.dz2_da1, 4)),
            ("∂a1/∂z1 = A'(z1) = a1 (1 − a1)", f"{n(c.a1)} · {n(1 - c.a1)}", fixed(f.da1_dz1, 4)),
            ("∂z1/∂w1 = a0", "", fixed(f.dz1_dw1, 4)),
            ("∂z1/∂b1 = 1", "", fixed(f.dz1_db1, 4)),
            ("∂z1/∂a0 = w1", "", fixed(f.dz1_da0, 4)),
        ]
    )


def product_lines(f: Factors) -> str:
    """The derivatives of the cost: symbols, numbers, result, each on a line."""
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
        lines.append(f"       = {' × '.join(n(value) for _, value in parts)}")
        lines.append(f"       = {fixed(result, 4)}")
    return "\n".join(lines)


def multiplications(layers: int) -> tuple[int, int]:
    """How many give ∂c/∂w of all weights of a chain: each product on its own, and from the back.

    On its own, a weight i layers before the last has 3 + 2 i factors. From the back, the last layer takes two
    multiplications, and each other one three: by ∂z/∂a, by ∂a/∂z, and by its own ∂z/∂w.
    """
    return sum(2 + 2 * i for i in range(layers)), 2 + 3 * (layers - 1)


def what_it_is_good_for(page: Page, chain: Chain) -> None:
    factors, nudge = backward_chain(chain), 0.01
    moved = the_chain(w2=chain.w2 + nudge)
    after = forward_chain(
        chain.a0, chain.w1 - RATE * factors.dc_dw1, chain.b1 - RATE * factors.dc_db1,
        chain.w2 - RATE * factors.dc_dw2, chain.b2 - RATE * factors.dc_db2, chain.y,
    )  # fmt: skip
    page.heading("Is it right, and what is it good for?", 3)
    page.paragraph(
        f"Add Δw_{{2}} = {nudge} to w_{{2}} and run the forward pass again: c changes by Δc = "
        f"{fixed(moved.c - chain.c, 6)}, so Δc/Δw_{{2}} = {fixed((moved.c - chain.c) / nudge, 4)}. The derivative says "
        f"∂c/∂w_{{2}} = {fixed(factors.dc_dw2, 4)}. The smaller the step, the better they agree, until rounding shows."
    )
    page.paragraph(
        f"Now move all weights and biases against their derivatives, each by {RATE:g} times its derivative. The cost "
        f"falls from {fixed(chain.c, 4)} to {fixed(after.c, 4)}. That is one step of gradient descent."
    )
    early = replace(factors, dz2_da1=chain.w2 - RATE * factors.dc_dw2)
    page.paragraph(
        "The usual mistake: w_{2} is changed as soon as its derivative is known, before ∂z_{2}/∂a_{1} = w_{2} was "
        f"read. Then ∂c/∂w_{{1}} comes out as {fixed(early.dc_dw1, 4)} instead of {fixed(factors.dc_dw1, 4)}: a "
        "derivative of no network. First all derivatives, then all changes."
    )


def n(value: float) -> str:
    """A number of four decimals; in brackets where it is negative."""
    return fixed(value, 4) if value >= 0 else f"({fixed(value, 4)})"


def aligned(rows: Sequence[tuple[str, str, str]]) -> str:
    """Lines of symbols, numbers and a result, each column as wide as its widest."""
    left, middle = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = []
    for symbols, numbers, result in rows:
        filled = f"= {numbers}" if numbers else ""
        lines.append(f"{symbols:<{left}} {filled:<{middle + 2}} = {result}")
    return "\n".join(lines)
