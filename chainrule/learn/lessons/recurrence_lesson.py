"""The lesson on recurrent networks: sequences first, then images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from chainrule.figures import to_png
from chainrule.formatting import fixed, magnitude, percent
from chainrule.learn.figures import recurrent_network_figures as figures
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.recurrence_scans import BEFORE_MISTAKES, add_images, add_mistakes
from chainrule.learn.recall_task import (
    RecallNetworks,
    measure_recall,
    record_gates,
    sample_sequences,
    state_jacobians,
    train_networks,
)
from chainrule.learn.recurrent_networks import (
    cell_jacobian,
    jacobian_norms,
    lstm_step,
    reorder_gates,
    rnn_jacobian,
    rnn_states,
    rnn_step,
    scale_spectral_radius,
)
from chainrule.learn.source_code import read_source
from chainrule.reports import Page, StageProgress
from chainrule.seeding import generator

UNITS, STEPS = 32, 60
"""The units and steps of the network with vanishing gradients."""
SPECTRAL_RADII = (0.5, 0.9, 1.1, 1.5, 3.0)
LENGTHS, SEEDS, FEATURES, UPDATES, BATCH = (5, 10, 20, 40), 3, 8, 100, 32
"""Settings of the task: lengths of sequences, networks for each length, units, training updates and batch size."""
KINDS: dict[str, float | None] = {"plain": None, "LSTM, forget bias 1": 1.0, "LSTM, forget bias 3": 3.0}
NUM_TESTED = 500
"""The number of new sequences on which each trained network is tested."""
TRAINING_START, TRAINING_END = 0.05, 0.5
"""The progress of the lesson at the start and at the end of the training."""


def write(page: Page, progress: StageProgress) -> None:
    add_introduction(page)
    add_vanishing_gradient(page)
    progress(TRAINING_START)
    add_lstm(page)
    add_cell_path(page)
    networks = train_all_kinds(progress)
    shares = recall_fractions(networks)
    add_recall_task(page, shares)
    add_trained_lstm(page, networks, shares)
    progress(0.6)
    add_images(page, progress)
    progress(BEFORE_MISTAKES)
    add_mistakes(page)
    add_outlook(page)
    progress(1.0)


def add_introduction(page: Page) -> None:
    """Add the introduction, with every number of one unit over three steps."""
    page.paragraph(
        "A convolution sees only the pixels under its kernel. A recurrent network sees the past in a different way: "
        "it keeps a state, and updates the state at each step with the new input. So the state can contain "
        "information about all earlier inputs. This lesson tests whether it does, and shows how PixelRNN uses "
        "recurrent layers."
    )
    page.heading("A recurrent state")
    add_formulas(page, "recurrent")
    page.paragraph("The weights W, U and b are the same at every step. The program:")
    page.code(read_source(rnn_step), "python")
    x, w, u = (1.0, 0.0, 0.0), 1.0, 0.8
    W, U, b = torch.tensor([[w]]), torch.tensor([[u]]), torch.zeros(1)
    states = rnn_states(torch.tensor(x)[:, None], W, U, b)
    hidden = [0.0, *states[:, 0].tolist()]
    rows = [
        [str(t + 1), f"{x[t]:g}", fixed(w * x[t] + u * hidden[t], 4), fixed(hidden[t + 1], 4)] for t in range(len(x))
    ]
    page.table(
        ["t", "x_{t}", "W x_{t} + U h_{t−1}", "h_{t}"],
        rows,
        f"One unit with W = {w:g}, U = {u:g}, b = 0. The first input is 1, all later inputs are 0. The state still "
        "depends on the first input, but less at each step.",
    )


def add_vanishing_gradient(page: Page) -> None:
    """Add the gradient as a product of factors, and its size."""
    page.heading("Why the gradient vanishes")
    page.paragraph(
        "Unrolled in time, a recurrent network is a deep network with one layer for each step, and all layers have "
        "the same weights. The lesson `backprop` shows that the factors along a path are multiplied. From h_{t−1} to "
        "h_{t} the path goes through U and through tanh, whose derivative is 1 − tanh^{2}. So each step back "
        "multiplies by one more factor:"
    )
    add_formulas(page, "fading")
    page.code(read_source(rnn_jacobian), "python")
    driven, still = (gradient_norms(scale) for scale in (1.0, 0.0))
    page.paragraph(
        f"A comparison with autograd in float64, over 10 steps of a network with {UNITS} units: the largest "
        f"difference of an entry is {magnitude(max_autograd_difference())}."
    )
    page.paragraph(
        "How large is the product? Let U = ρQ with a rotation Q. Then every eigenvalue of U has the absolute value "
        "ρ, the spectral radius of U, and U multiplies the length of every vector by ρ. If all states are 0, the "
        "derivative of tanh is 1, and k steps multiply the length by exactly ρ^{k}. With inputs the states differ "
        "from 0, the derivatives of tanh are below 1, and the product is smaller."
    )
    page.figure(
        to_png(figures.plot_fading_gradients({"states at 0: ρ to the power k": still, "driven by inputs": driven})),
        "The norm of ∂h_{T}/∂h_{t} against the distance, on a logarithmic scale. The lines are almost straight, "
        "because every step multiplies by a similar factor. Only for a narrow range of ρ does the gradient neither "
        "vanish nor explode, and inputs shift this range.",
        "Two panels of lines falling or rising with the distance, one for each spectral radius.",
        "recurrence-fading.png",
    )
    page.table(
        ["radius ρ", "10 steps, at 0", "10 steps, inputs", f"{STEPS} steps, at 0", f"{STEPS} steps, inputs"],
        [
            [f"{radius:g}", *(magnitude(float(norm[radius][back])) for back in (10, STEPS) for norm in (still, driven))]
            for radius in SPECTRAL_RADII
        ],
    )
    page.paragraph(
        f"The table shows the norm of the gradient 10 and {STEPS} steps back, with all states at 0 and with random "
        "inputs. With ρ < 1 the gradient must vanish: the derivative of tanh is at most 1, so the product is at "
        "most ρ^{k}. (For a general U the bound uses its largest singular value in place of ρ.) With ρ = "
        f"{SPECTRAL_RADII[2]:g} the gradient would grow if the states stayed at 0; with inputs it vanishes too. With "
        "large ρ it explodes, and one update of such weights can destroy everything the network has learned. A "
        f"vanishing gradient is harder to notice: with ρ = {SPECTRAL_RADII[1]:g} and inputs, the gradient from "
        f"{STEPS} steps back is multiplied by {magnitude(float(driven[SPECTRAL_RADII[1]][STEPS]))}. It is negligible "
        "beside the gradients of the last steps, so the network learns from recent inputs only."
    )


def make_rotation_network() -> tuple[Tensor, Tensor, Tensor]:
    """Return random inputs [T, 4], weights W [h, 4] and a rotation [h, h], in float64."""
    rng = generator(0)
    rotation = torch.linalg.qr(torch.randn(UNITS, UNITS, generator=rng, dtype=torch.float64))[0]
    x, w = (torch.randn(size, 4, generator=rng, dtype=torch.float64) for size in (STEPS, UNITS))
    return x, w / 2, rotation


def gradient_norms(scale: float) -> dict[float, Tensor]:
    """Return the norms of ∂h_T/∂h_t by distance, for each spectral radius, with scaled inputs."""
    x, w, rotation = make_rotation_network()
    norms = {}
    for radius in SPECTRAL_RADII:
        u = scale_spectral_radius(rotation, radius)
        states = rnn_states(scale * x, w, u, torch.zeros(UNITS, dtype=torch.float64))
        norms[radius] = jacobian_norms(torch.stack([rnn_jacobian(each[None], u) for each in states]))
    return norms


def max_autograd_difference() -> float:
    """Return the largest difference between the entries of `rnn_jacobian` and autograd, over 10 steps."""
    x, w, rotation = make_rotation_network()
    zeros = torch.zeros(UNITS, dtype=torch.float64)

    def last(hidden: Tensor) -> Tensor:
        for x_t in x[:10]:
            hidden = rnn_step(x_t, hidden, w, rotation, zeros)
        return hidden

    by_product = rnn_jacobian(rnn_states(x[:10], w, rotation, zeros), rotation)
    by_autograd: Tensor = torch.autograd.functional.jacobian(last, zeros)  # type: ignore[no-untyped-call]
    return float((by_product - by_autograd).abs().max())


def add_lstm(page: Page) -> None:
    """Add the gates, the cell and the hidden state of an LSTM, and a comparison with torch."""
    page.heading("The LSTM: four gates and a cell")
    page.paragraph(
        "Long short-term memory (LSTM) gives the network a second state, the cell c. A step changes the cell by one "
        "multiplication and one addition, without a weight matrix and without tanh in between. Four gates control "
        "the cell; each gate is a number for every unit. The gates are computed from two products, whose names "
        "return in the section on images: input-to-state, from the input of the step, and state-to-state, from the "
        "hidden state of the last step."
    )
    add_formulas(page, "lstm-gates", "lstm-cell", "lstm-hidden")
    page.points(
        [
            "forget gate f: the share of the old cell that remains;",
            "content gate g: a new value between −1 and 1;",
            "input gate i: the share of the new value that is added to the cell;",
            "output gate o: the share of the cell that becomes the hidden state h, the output of the unit.",
        ]
    )
    page.figure(
        to_png(figures.plot_lstm_cell()),
        "One step of an LSTM. The line of the cell goes straight through the step: the value of the cell remains "
        "until a forget gate closes.",
        "The cell of an LSTM: a line from the old cell to the new cell. The old cell is multiplied by the forget "
        "gate, and the product of input gate and content is added. The hidden state is the output gate times the "
        "tanh of the cell.",
        "recurrence-cell.png",
    )
    page.paragraph(
        "The PixelRNN paper writes one σ for all four gates. For o, f and i it is the logistic sigmoid, because "
        "these gates are shares between 0 and 1. For g it is tanh, because g must also be able to be negative. The "
        "paper lists the gates in the order o, f, i, g; this library stores them in the order o, i, f, g."
    )
    page.code(read_source(lstm_step), "python")
    page.paragraph(
        "`torch.nn.LSTMCell` computes the same step with the gates in the order i, f, g, o. If the weights are "
        "reordered, the largest difference of h and c, over 7 data and 5 units in float64, is "
        f"{magnitude(max_torch_difference())}. Weights that are copied without reordering have the same shape, so no "
        "error is raised, but the function is different: the largest difference is "
        f"{magnitude(max_torch_difference(order='oifg'))}."
    )


def max_torch_difference(order: str = "ifgo") -> float:
    """Return the largest difference of h and c between `lstm_step` and torch, with weights in an order of gates."""
    rng = generator(1)
    w, u, x, hidden, cell = (
        torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((20, 3), (20, 5), (7, 3), (7, 5), (7, 5))
    )
    theirs = nn.LSTMCell(3, 5, bias=False, dtype=torch.float64)
    theirs.load_state_dict({"weight_ih": reorder_gates(w, target=order), "weight_hh": reorder_gates(u, target=order)})
    ours = lstm_step(x @ w.mT, hidden, cell, u)[:2]
    with torch.no_grad():
        return max(float((a - b).abs().max()) for a, b in zip(ours, theirs(x, (hidden, cell)), strict=True))


def add_cell_path(page: Page) -> None:
    """Add the gradient along the path of the cell."""
    page.heading("Why the gradient of an LSTM vanishes more slowly")
    shares = {bias: float(torch.tensor(bias).sigmoid()) for bias in (0.0, 1.0, 3.0)}
    page.paragraph(
        "Consider the path along the cell, and treat the gates as constants. Then the factor of each step is its "
        "forget gate alone: ∂c_{T}/∂c_{t} = ∏_{s} f_{s}, for each unit. No matrix and no derivative of tanh can make "
        "it smaller. An open gate, f near 1, passes the gradient on almost unchanged, and the network can learn when "
        "to open it. If the gates are half closed, this gradient vanishes too. So the initial bias of the forget "
        "gates matters. Over 40 steps:"
    )
    page.table(
        ["bias of the forget gates", "initial f, σ(bias)", "product of 40"],
        [
            [f"{bias:g}", fixed(share, 3), magnitude(float(cell_jacobian(torch.full((40, 1), share))))]
            for bias, share in shares.items()
        ],
        "The initial value of f, if the other weights are small. The recurrent layers of this library start with a "
        "bias of 1.",
    )
    page.paragraph(
        "In fact the gates are not constants: they depend on h, and so on earlier cells. Through the gates the "
        "gradient has more paths, with matrices and derivatives as before, and the gradients of all paths are added. "
        "The path along the cell is the one whose gradient need not vanish."
    )


def train_all_kinds(progress: StageProgress) -> dict[str, RecallNetworks]:
    """Train each kind of network on all lengths."""
    networks, done = {}, 0
    for name, bias in KINDS.items():

        def tick() -> None:
            nonlocal done
            done += 1
            progress(TRAINING_START + (TRAINING_END - TRAINING_START) * done / (len(KINDS) * UPDATES))

        lengths = [length for length in LENGTHS for _ in range(SEEDS)]
        networks[name] = RecallNetworks(lengths, features=FEATURES, forget_bias=bias, generator=generator(2))
        train_networks(networks[name], updates=UPDATES, batch_size=BATCH, generator=generator(3), callback=tick)
    return networks


def recall_fractions(networks: dict[str, RecallNetworks]) -> dict[str, Tensor]:
    """Return the share of correct answers on new sequences, [lengths, seeds] for each kind."""
    return {
        name: measure_recall(each, n=NUM_TESTED, generator=generator(4)).view(-1, SEEDS)
        for name, each in networks.items()
    }


def add_recall_task(page: Page, shares: dict[str, Tensor]) -> None:
    """Add the task to recall the first bit of a sequence, and its results."""
    page.heading("A memory task: recall the first bit")
    page.paragraph(
        "A network reads T random bits, one at each step, and must then output the first bit. The other bits do not "
        f"matter, and a random guess is correct in half of the cases. Plain networks and LSTMs have {FEATURES} "
        f"units, the same inputs and the same {UPDATES} updates (Adam, {BATCH} new sequences in each update). For "
        f"each kind of network and each T there are {SEEDS} networks with different initial weights. Each network is "
        f"tested on {NUM_TESTED} new sequences."
    )
    page.figure(
        to_png(figures.plot_recall(shares, LENGTHS)),
        "Each point is a network, each line is the mean of one kind. As T grows, the plain networks are the first to "
        "fall to the level of random guesses; the LSTMs whose forget gates start open are the last.",
        "The share of correct first bits against the length of the sequence, for three kinds of network.",
        "recurrence-recall.png",
    )
    page.table(
        ["T", *KINDS],
        [
            [str(length), *(format_percentages(share[row].tolist()) for share in shares.values())]
            for row, length in enumerate(LENGTHS)
        ],
        f"Correct answers of the {SEEDS} networks of each kind.",
    )
    longest = {name: float(share[-1].mean()) for name, share in shares.items()}
    plain, _, best = longest.values()
    page.paragraph(
        f"At T = {LENGTHS[-1]} the plain networks are correct in {percent(plain)} of the cases, the LSTMs with "
        f"forget bias 3 in {percent(best)}. The architecture alone is not the reason: the same LSTM with a forget "
        f"bias of 1 is correct in {percent(longest['LSTM, forget bias 1'])}. This is a small experiment of {UPDATES} "
        "updates: other initial weights or a longer training may change the limits of all three kinds."
    )


def format_percentages(shares: Sequence[float]) -> str:
    """Format shares in whole per cent.

    Example:
        >>> format_percentages([1.0, 0.494])
        '100, 49 %'
    """
    return ", ".join(f"{100 * share:.0f}" for share in shares) + " %"


def add_trained_lstm(page: Page, networks: dict[str, RecallNetworks], shares: dict[str, Tensor]) -> None:
    """Add the gates of a trained LSTM, and the norm of its gradient by distance."""
    page.heading("Inside a trained LSTM")
    name, length = list(KINDS)[-1], LENGTHS[-1]
    best = find_best(shares[name])
    x = sample_sequences(1, length=length, generator=generator(5))[0][0]
    other = x.clone()
    other[0, 0] *= -1
    (_, cell, gates), (_, flipped, _) = (record_gates(networks[name], best, each) for each in (x, other))
    remaining = cell_jacobian(gates.forget[1:])
    changed = int((cell[-1].sign() != flipped[-1].sign()).sum())
    page.figure(
        to_png(figures.plot_gates(x[:, 0], cell, flipped, gates)),
        f"The best LSTM for T = {length} reads one sequence. Each row is a unit, each column is a step; light bits "
        "are 1. Units whose forget gate stays dark keep their cell, and only add to it. The two panels at the "
        "bottom show the cell for this sequence and for the same sequence with its first bit flipped: their "
        "difference is the memory of the first bit.",
        "Rows of squares over the steps: the bits; output, input and forget gates; the content; the cell, for the "
        "sequence and for the sequence with its first bit flipped.",
        "recurrence-gates.png",
    )
    page.paragraph(
        f"If only the first bit is flipped, {changed} of the {FEATURES} cells have a different sign {length - 1} "
        "steps later. Along the path of the cell, the unit that forgets least keeps "
        f"{percent(float(remaining.max()))} of its first cell value until the last step; the unit that forgets most "
        f"keeps {magnitude(float(remaining.min()))}. So some units store information, and others do not."
    )
    norms = collect_norms(networks, shares, x)
    page.figure(
        to_png(figures.plot_gradient_norms(norms)),
        "The dependence of the last state on earlier states, in the networks that were trained on the longest "
        "sequences: along all paths, and along the path of the cell alone (for the unit that keeps most).",
        "Lines of the norm of the Jacobian against the distance, on a logarithmic scale, for three networks.",
        "recurrence-paths.png",
    )
    ends = [magnitude(float(norms[each][-1])) for each in KINDS]
    page.paragraph(
        f"The norm of the gradient from {length} steps back, along all paths, is {ends[0]} in the plain network, and "
        f"{ends[1]} and {ends[2]} in the LSTMs. If the forget gates stay open, the path of the cell carries the "
        "gradient; if they close, the gradient vanishes on this path too."
    )


def find_best(share: Tensor) -> int:
    """Return the index of the most accurate network for the longest sequences."""
    return share.numel() - SEEDS + int(share[-1].argmax())


def collect_norms(networks: dict[str, RecallNetworks], shares: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """Return the norms of the gradient by distance along all paths, and for LSTMs along the path of the cell."""
    norms = {}
    for name, network in networks.items():
        best = find_best(shares[name])
        norms[name] = jacobian_norms(state_jacobians(network, best, x))
        if not network.is_plain:
            forget = record_gates(network, best, x)[2].forget
            norms[f"{name}: the cell line alone"] = torch.stack(
                [cell_jacobian(forget[len(forget) - back :]).max() for back in range(len(forget) + 1)]
            )
    return norms


def add_outlook(page: Page) -> None:
    page.heading("What comes next")
    page.paragraph(
        "All these models are trained on known images, with one pass for all pixels. Sampling an image is different: "
        "no pixel is known before it is drawn, so every model must go pixel by pixel, or nearly so. The next lesson "
        "counts the cost of sampling, and shows what the choice of the order of pixels is good for."
    )
