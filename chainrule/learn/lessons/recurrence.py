"""The lesson on recurrent networks: sequences first, then images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from chainrule.figures import to_png
from chainrule.formatting import fixed, magnitude, percent
from chainrule.learn.formulas import state
from chainrule.learn.lessons.recurrence_scans import BEFORE_THE_MISTAKES, tell_of_images, tell_of_mistakes
from chainrule.learn.pictures import recurrence as pictures
from chainrule.learn.recall import Recall, first_bits, gates_along, recalled, state_factors, train_recall
from chainrule.learn.recurrence import (
    cell_path,
    lstm_step,
    path_norms,
    plain_jacobian,
    plain_states,
    plain_step,
    reordered,
    with_radius,
)
from chainrule.learn.source import source
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.seeding import generator

UNITS, STEPS = 32, 60
"""Of the network whose gradient is followed."""
RADII = (0.5, 0.9, 1.1, 1.5, 3.0)
LENGTHS, SEEDS, FEATURES, UPDATES, BATCH = (5, 10, 20, 40), 3, 8, 100, 32
"""Of the task: the lengths of its sequences, networks for each, their units, and how they are trained."""
KINDS: dict[str, float | None] = {"plain": None, "LSTM, forget bias 1": 1.0, "LSTM, forget bias 3": 3.0}
TESTED = 500
"""New sequences that each trained network is asked about."""
TRAINING, TRAINED = 0.05, 0.5
"""Shares of the whole lesson's time: when training begins, and when it ends."""


def write(page: Page, tell: Tell) -> None:
    begin(page)
    tell_of_fading(page)
    tell(TRAINING)
    tell_of_lstm(page)
    tell_of_cell_path(page)
    networks = trained(tell)
    shares = shares_of(networks)
    tell_of_task(page, shares)
    tell_of_trained(page, networks, shares)
    tell(0.6)
    tell_of_images(page, tell)
    tell(BEFORE_THE_MISTAKES)
    tell_of_mistakes(page)
    tell_what_next(page)
    tell(1.0)


def begin(page: Page) -> None:
    """One unit, three steps, every number."""
    page.paragraph(
        "A convolution sees as far as its kernel reaches, and no further. A recurrent network has another way to look "
        "back: it carries a state along, and mixes into it what comes. The state at a step can hold something of "
        "everything before it, however long ago. This lesson asks whether it does, and what PixelRNN makes of it."
    )
    page.heading("A state that goes on")
    state(page, "recurrent")
    page.paragraph("The same weights W, U and b at every step. As a program:")
    page.code(source(plain_step), "python")
    x, w, u = (1.0, 0.0, 0.0), 1.0, 0.8
    W, U, b = torch.tensor([[w]]), torch.tensor([[u]]), torch.zeros(1)
    states = plain_states(torch.tensor(x)[:, None], W, U, b)
    hidden = [0.0, *states[:, 0].tolist()]
    rows = [
        [str(t + 1), f"{x[t]:g}", fixed(w * x[t] + u * hidden[t], 4), fixed(hidden[t + 1], 4)] for t in range(len(x))
    ]
    page.table(
        ["t", "x_{t}", "W x_{t} + U h_{t−1}", "h_{t}"],
        rows,
        f"One unit, W = {w:g}, U = {u:g}, b = 0: a single 1, and then silence. The state remembers it, ever more "
        "faintly.",
    )


def tell_of_fading(page: Page) -> None:
    """The product of the steps' factors, and how large it is."""
    page.heading("Why the gradient fades")
    page.paragraph(
        "Unrolled in time, this is a deep network with one layer a step, all of the same weights. The lesson on the "
        "backward pass had it already: factors multiply along a path. From h_{t−1} to h_{t} the path goes through U "
        "and through tanh, whose slope is 1 − tanh^{2}. So each step back multiplies by one more such factor:"
    )
    state(page, "fading")
    page.code(source(plain_jacobian), "python")
    driven, still = (gradient_norms(scale) for scale in (1.0, 0.0))
    page.paragraph(
        f"Checked against autograd, in float64, over 10 steps of a network of {UNITS} units: the largest difference of "
        f"an entry is {magnitude(autograd_difference())}."
    )
    page.paragraph(
        "How large is the product? Take U = ρQ with Q a rotation: then every eigenvalue of U has size ρ, its spectral "
        "radius, and U stretches every vector by ρ. Where all states are 0 the slope of tanh is 1, and k steps "
        "stretch by ρ^{k} exactly. Where inputs come in, states move away from 0, slopes fall below 1, and the "
        "product is smaller."
    )
    page.figure(
        to_png(pictures.fading_figure({"states at 0: ρ to the power k": still, "driven by inputs": driven})),
        "The norm of ∂h_{T}/∂h_{t} against the distance, each on a logarithmic scale: straight lines, or nearly, for "
        "every step has its factor. Only a narrow band of ρ neither fades nor explodes, and inputs move that band.",
        "Two panels of lines falling or rising with the distance, one for each spectral radius.",
        "recurrence-fading.png",
    )
    page.table(
        ["radius ρ", "10 back, at 0", "10 back, driven", f"{STEPS} back, at 0", f"{STEPS} back, driven"],
        [
            [f"{radius:g}", *(magnitude(float(norm[radius][back])) for back in (10, STEPS) for norm in (still, driven))]
            for radius in RADII
        ],
    )
    page.paragraph(
        "With ρ < 1 it must fade: no slope of tanh is above 1, so the product is at most ρ^{k}. (Where U is no such "
        "ρQ, its largest singular value stands in that bound in place of ρ.) With ρ = "
        f"{RADII[2]:g} it would grow if states stayed at 0; driven by inputs it fades all the same. With large ρ it "
        "explodes, and one update of such weights can undo all that was learned. Fading is the quieter trouble: with "
        f"ρ = {RADII[1]:g}, driven, what comes from {STEPS} steps back is multiplied by "
        f"{magnitude(float(driven[RADII[1]][STEPS]))}. It is lost beside the last steps, so the network learns from "
        "its recent past, and never hears of the rest."
    )


def rotation_network() -> tuple[Tensor, Tensor, Tensor]:
    """Inputs [T, 4], W [h, 4] and a rotation [h, h], in float64."""
    rng = generator(0)
    rotation = torch.linalg.qr(torch.randn(UNITS, UNITS, generator=rng, dtype=torch.float64))[0]
    x, w = (torch.randn(size, 4, generator=rng, dtype=torch.float64) for size in (STEPS, UNITS))
    return x, w / 2, rotation


def gradient_norms(scale: float) -> dict[float, Tensor]:
    """For each spectral radius, the norms of ∂h_T/∂h_t by distance, with inputs of that scale."""
    x, w, rotation = rotation_network()
    norms = {}
    for radius in RADII:
        u = with_radius(rotation, radius)
        states = plain_states(scale * x, w, u, torch.zeros(UNITS, dtype=torch.float64))
        norms[radius] = path_norms(torch.stack([plain_jacobian(each[None], u) for each in states]))
    return norms


def autograd_difference() -> float:
    """Between `plain_jacobian` over 10 steps and autograd: the largest of all entries."""
    x, w, rotation = rotation_network()
    none = torch.zeros(UNITS, dtype=torch.float64)

    def last(hidden: Tensor) -> Tensor:
        for x_t in x[:10]:
            hidden = plain_step(x_t, hidden, w, rotation, none)
        return hidden

    by_product = plain_jacobian(plain_states(x[:10], w, rotation, none), rotation)
    by_autograd: Tensor = torch.autograd.functional.jacobian(last, none)  # type: ignore[no-untyped-call]
    return float((by_product - by_autograd).abs().max())


def tell_of_lstm(page: Page) -> None:
    """The gates, the cell, the hidden state; and the same as torch's."""
    page.heading("The LSTM: four gates and a cell")
    page.paragraph(
        "Long short-term memory gives the network a second state, the cell c, which a step changes by one "
        "multiplication and one addition: no weight matrix and no tanh in between. Four gates, each a number for "
        "every unit, say what happens to it. Two things go into them, and both have names that the images will need: "
        "input-to-state, from what comes in, and state-to-state, from the hidden state of the step before."
    )
    state(page, "lstm-gates", "lstm-cell", "lstm-hidden")
    page.points(
        [
            "forget, f: how much of the cell is kept;",
            "content, g: what could be written, between −1 and 1;",
            "input, i: how much of it is written;",
            "output, o: how much of the cell is shown to the rest of the network, as h.",
        ]
    )
    page.figure(
        to_png(pictures.cell_drawing()),
        "One step. The cell line runs straight through: what is on it stays until a forget gate closes.",
        "The cell of an LSTM: a line from the old cell to the new one, multiplied by the forget gate and added to by "
        "the product of input gate and content; the output gate times its tanh is the hidden state.",
        "recurrence-cell.png",
    )
    page.paragraph(
        "PixelRNN prints one σ for all four gates. It stands for the logistic sigmoid at o, f and i, which are shares "
        "between 0 and 1, and for tanh at g, which must be able to write negative numbers. In the print the gates "
        "come in the order o, f, i, g; this library keeps them as o, i, f, g."
    )
    page.code(source(lstm_step), "python")
    page.paragraph(
        "`torch.nn.LSTMCell` is the same step with the gates in the order i, f, g, o. With the weights reordered, the "
        f"largest difference of h and c, over 7 data and 5 units in float64, is {magnitude(torch_difference())}. "
        "Weights that are copied without reordering fit as well, and give another function: then it is "
        f"{magnitude(torch_difference(order='oifg'))}, and no error is raised."
    )


def torch_difference(order: str = "ifgo") -> float:
    """Between `lstm_step` and torch's, with the gates of its weights in that order: the largest of h and c."""
    rng = generator(1)
    w, u, x, hidden, cell = (
        torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((20, 3), (20, 5), (7, 3), (7, 5), (7, 5))
    )
    theirs = nn.LSTMCell(3, 5, bias=False, dtype=torch.float64)
    theirs.load_state_dict({"weight_ih": reordered(w, to=order), "weight_hh": reordered(u, to=order)})
    ours = lstm_step(x @ w.mT, hidden, cell, u)[:2]
    with torch.no_grad():
        return max(float((a - b).abs().max()) for a, b in zip(ours, theirs(x, (hidden, cell)), strict=True))


def tell_of_cell_path(page: Page) -> None:
    """What multiplies along the cell line."""
    page.heading("Why it fades more slowly")
    shares = {bias: float(torch.tensor(bias).sigmoid()) for bias in (0.0, 1.0, 3.0)}
    page.paragraph(
        "Along the cell line, with the gates held as they are, each step's factor is its forget gate alone: "
        "∂c_{T}/∂c_{t} = ∏_{s} f_{s}, unit by unit. No matrix can shrink it and no slope of tanh. An open gate, f "
        "near 1, lets the gradient through unchanged, and the network learns when to open it. It fades too, where "
        "gates are half shut; so the bias that forget gates start with matters. Over 40 steps:"
    )
    page.table(
        ["bias of the forget gates", "f at first, σ(bias)", "product of 40"],
        [
            [f"{bias:g}", fixed(share, 3), magnitude(float(cell_path(torch.full((40, 1), share))))]
            for bias, share in shares.items()
        ],
        "At first, as far as the other weights are small. This library's recurrent layers start with a bias of 1.",
    )
    page.paragraph(
        "The gates are no constants: they depend on h, and so on earlier cells. Through them the gradient has other "
        "paths, with matrices and slopes as before, which add to this one. The cell line is the one that need not "
        "fade."
    )


def trained(tell: Tell) -> dict[str, Recall]:
    """Each kind of network, trained on all lengths."""
    networks, done = {}, 0
    for name, bias in KINDS.items():

        def tick() -> None:
            nonlocal done
            done += 1
            tell(TRAINING + (TRAINED - TRAINING) * done / (len(KINDS) * UPDATES))

        lengths = [length for length in LENGTHS for _ in range(SEEDS)]
        networks[name] = Recall(lengths, FEATURES, bias, generator(2))
        train_recall(networks[name], UPDATES, BATCH, generator(3), tick)
    return networks


def shares_of(networks: dict[str, Recall]) -> dict[str, Tensor]:
    """How often each network is right on new sequences: [lengths, seeds] for each kind."""
    return {name: recalled(each, TESTED, generator(4)).view(-1, SEEDS) for name, each in networks.items()}


def tell_of_task(page: Page, shares: dict[str, Tensor]) -> None:
    """The first bit of a sequence, after so many steps."""
    page.heading("A task that shows it: the first bit")
    page.paragraph(
        "A network reads T random bits, one a step, and must then say what the first one was. Nothing else matters, "
        f"and half of all guesses are right. Plain networks and LSTMs have {FEATURES} units, the same inputs and the "
        f"same {UPDATES} updates (Adam, {BATCH} new sequences each). For each kind and T there are {SEEDS} networks "
        f"with other weights at first. Each is then asked about {TESTED} new sequences."
    )
    page.figure(
        to_png(pictures.recall_figure(shares, LENGTHS)),
        "A point is a network, a line the mean of its kind. As T grows the plain networks fall to guessing first; "
        "LSTMs whose forget gates start open hold out longest.",
        "The share of first bits said rightly against the length of the sequence, for three kinds of network.",
        "recurrence-recall.png",
    )
    page.table(
        ["T", *KINDS],
        [
            [str(length), *(told(share[row].tolist()) for share in shares.values())]
            for row, length in enumerate(LENGTHS)
        ],
        f"Right answers, the {SEEDS} networks of each kind.",
    )
    longest = {name: float(share[-1].mean()) for name, share in shares.items()}
    plain, _, best = longest.values()
    page.paragraph(
        f"At T = {LENGTHS[-1]} the plain networks are right in {percent(plain)} of cases, the LSTMs with forget bias 3 "
        f"in {percent(best)}. The architecture alone is not what does it: with a forget bias of 1 the very same LSTM "
        f"is right in {percent(longest['LSTM, forget bias 1'])}. This is a small experiment, {UPDATES} updates long: "
        "other first weights or longer training may move the limits of all three."
    )


def told(shares: Sequence[float]) -> str:
    """Shares in whole per cent.

    Example:
        >>> told([1.0, 0.494])
        '100, 49 %'
    """
    return ", ".join(f"{100 * share:.0f}" for share in shares) + " %"


def tell_of_trained(page: Page, networks: dict[str, Recall], shares: dict[str, Tensor]) -> None:
    """What the gates of a trained LSTM do, and how far back its gradient reaches."""
    page.heading("Inside a trained LSTM")
    name, length = list(KINDS)[-1], LENGTHS[-1]
    best = best_of(shares[name])
    x = first_bits(1, length, generator(5))[0][0]
    other = x.clone()
    other[0, 0] *= -1
    (_, cell, gates), (_, flipped, _) = (gates_along(networks[name], best, each) for each in (x, other))
    kept = cell_path(gates.forget[1:])
    changed = int((cell[-1].sign() != flipped[-1].sign()).sum())
    page.figure(
        to_png(pictures.gates_figure(x[:, 0], cell, flipped, gates)),
        f"The best LSTM for T = {length}, reading one sequence: a row is a unit, a column a step; light bits are 1. "
        "Look for units whose forget gate stays dark: their cell is kept and added to. At the bottom, the cell when "
        "only the first bit is another: what differs is the memory of that bit.",
        "Rows of squares over the steps: the bits; output, input and forget gates; the content; the cell, for the "
        "sequence and for the one with its first bit flipped.",
        "recurrence-gates.png",
    )
    page.paragraph(
        f"If only the first bit is flipped, {changed} of the {FEATURES} cells have another sign {length - 1} steps "
        f"later. Along the cell line alone, the unit that forgets least keeps {percent(float(kept.max()))} of its "
        f"first cell to the last step; the one that forgets most, {magnitude(float(kept.min()))}. Units differ: some "
        "are for remembering, others are not."
    )
    norms = norms_of(networks, shares, x)
    page.figure(
        to_png(pictures.paths_figure(norms)),
        "How strongly the last state depends on earlier ones, in the networks trained for the longest sequences: along "
        "all paths, and along the cell line alone (of the unit that keeps most).",
        "Lines of the norm of the Jacobian against the distance, on a logarithmic scale, for three networks.",
        "recurrence-paths.png",
    )
    ends = [magnitude(float(norms[each][-1])) for each in KINDS]
    page.paragraph(
        f"From {length} steps back, along all paths: {ends[0]} in the plain network, {ends[1]} and {ends[2]} in the "
        "LSTMs. The cell line carries it where gates stay open; where they close, it fades there as well."
    )


def best_of(share: Tensor) -> int:
    """Of the networks of the longest sequences, the number of the one that is right most often."""
    return share.numel() - SEEDS + int(share[-1].argmax())


def norms_of(networks: dict[str, Recall], shares: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """By name, the norms by distance along all paths, and of LSTMs along the cell line alone."""
    norms = {}
    for name, network in networks.items():
        best = best_of(shares[name])
        norms[name] = path_norms(state_factors(network, best, x))
        if not network.plain:
            forget = gates_along(network, best, x)[2].forget
            norms[f"{name}: the cell line alone"] = torch.stack(
                [cell_path(forget[len(forget) - back :]).max() for back in range(len(forget) + 1)]
            )
    return norms


def tell_what_next(page: Page) -> None:
    page.heading("What is left open")
    page.paragraph(
        "All of this trains in one pass over an image that is known. Drawing an image is another matter: no pixel is "
        "known before it is drawn, so every model here has to go pixel by pixel, or nearly. The next lesson counts "
        "what that costs, and asks what the order of the pixels is worth."
    )
