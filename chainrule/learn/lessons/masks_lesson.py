"""The lesson on MADE's masks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chainrule.checks import check_leak, measure_jacobian
from chainrule.domains import Binary
from chainrule.figures import made_masks_figure, to_png
from chainrule.formatting import percent
from chainrule.learn.figures import made_mask_figures as figures
from chainrule.learn.figures.animation import to_gif
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.masks_mistakes import add_overwritten_weights, add_useless_degrees, add_wrong_comparison
from chainrule.learn.made_masks import build_masks, count_paths, find_units_between, get_masks
from chainrule.learn.source_code import read_source
from chainrule.models.made import MADE, hidden_degrees
from chainrule.reports import Page, StageProgress
from chainrule.seeding import generator

D, WIDTH, SEED = 4, 5, 7
DOMAIN = Binary((D,))
ORDER = (2, 0, 3, 1)
"""An order that begins with the third site."""
OUTPUT = 3
"""The number of the output in the example, from 1."""
SITES, NUM_DRAWS = 8, 200
"""The sites of the layers with missing degrees, and the number of random draws of the degrees."""


def write(page: Page, progress: StageProgress) -> None:
    model = MADE(DOMAIN, hidden=(WIDTH,), seed=SEED)
    degrees = hidden_degrees(D, (WIDTH,), generator(SEED))[0]
    add_autoencoder_leaks(page, model, degrees)
    add_degrees(page, degrees)
    progress(0.1)
    add_first_mask(page, model, degrees)
    add_second_mask(page, model, degrees)
    add_mask_product(page, model, degrees)
    progress(0.35)
    add_two_layers(page)
    add_direct_connections(page)
    add_another_order(page, degrees)
    progress(0.55)
    add_dependence_check(page)
    page.heading("Common mistakes")
    add_useless_degrees(page)
    progress(0.6)
    add_wrong_comparison(page, lambda share: progress(0.6 + 0.35 * share))
    add_overwritten_weights(page)
    add_outlook(page)
    progress(1.0)


def add_autoencoder_leaks(page: Page, model: MADE, degrees: Tensor) -> None:
    plain = nn.Sequential(nn.Linear(D, WIDTH), nn.ReLU(), nn.Linear(WIDTH, D))
    report = check_leak(plain, (D,), levels=2, layout="n,d")
    page.paragraph(
        "The product rule requires p(x_{d} | x_{<d}): output d may depend only on the inputs before d. An "
        "autoencoder computes all outputs in one pass, which is efficient, but each output depends on all inputs. "
        "MADE, the masked autoencoder for distribution estimation (Germain and others 2015), keeps the network and "
        "removes connections until the product rule holds. This lesson builds the masks step by step, and then shows "
        "common mistakes."
    )
    page.heading("The outputs of an autoencoder see their own inputs")
    page.paragraph(
        f"Take an autoencoder with {D} inputs and {WIDTH} hidden units. `check_leak` changes each input and compares "
        f"the outputs. There are {D * D} pairs of an output and an input, and {len(report.leaks)} of them are "
        "forbidden: an output must not see its own input or a later input. The autoencoder has all "
        f"{len(report.leaks)} forbidden dependences. So x̂_{{{OUTPUT}}} is not p(x_{{{OUTPUT}}} = 1 | "
        f"x_{{<{OUTPUT}}}), because it depends on x_{{{OUTPUT}}}."
    )
    page.figure(
        to_png(figures.plot_two_networks(get_masks(model)[0], degrees, output=OUTPUT - 1)),
        f"The connections and inputs that output {OUTPUT} depends on, without masks and with the masks of this "
        "lesson. The numbers in the hidden units are explained below.",
        "Two networks of three layers. On the left one output is connected with all inputs; on the right only with "
        "the inputs before it.",
        "masks-two-networks.png",
    )
    page.paragraph(
        "How can we exclude such a dependence? A derivative is a sum over paths, as `chainrule explain backprop` "
        "shows. If no path leads from input d to output d', the output cannot depend on the input, whatever the "
        "weights are. So we remove connections until no forbidden path is left, and keep as many connections as "
        "possible."
    )


def add_degrees(page: Page, degrees: Tensor) -> None:
    page.heading("Each hidden unit gets a degree")
    page.paragraph(
        f"Assign to each hidden unit k a random integer m(k) from 1 to D − 1, here 1 to {D - 1}. This is the degree "
        "of the unit: the unit may depend only on the first m(k) inputs. Two masks enforce this rule, one before "
        "and one after the hidden layer. (chainrule draws all degrees of a layer at random except the first, which "
        "is always D − 1, so that the last output can see every input before it.) The degrees of this network:"
    )
    rows = [[str(k), str(m), format_range(1, m), format_range(m + 1, D)] for k, m in enumerate(degrees.tolist(), 1)]
    page.table(["unit k", "m(k)", "sees inputs", "may be read by outputs"], rows)
    page.paragraph("Input d has degree d.")


def add_first_mask(page: Page, model: MADE, degrees: Tensor) -> None:
    mask = get_masks(model)[0][0]
    page.heading("M^{W}: the inputs of a hidden unit")
    page.paragraph(
        "Each time a weight is used, it is multiplied by its entry of a mask. ⊙ is this product, entry by entry. An "
        "entry of 0 removes the connection."
    )
    add_formulas(page, "masked-hidden", "mask-hidden")
    permitted, forbidden = (1, int(degrees[0])), (2, int(degrees[1]) + 1)
    page.paragraph(
        f"Two example entries: {format_comparison(*permitted, int(degrees[0]))}, and "
        f"{format_comparison(*forbidden, int(degrees[1]))}. The whole mask has a row for each hidden unit:"
    )
    page.code(format_mask(mask, [f"m({k}) = {m}" for k, m in enumerate(degrees.tolist(), 1)], "d"))


def format_comparison(k: int, d: int, m: int) -> str:
    """Format an entry of M^W with the comparison that gives it."""
    return f"M^{{W}}_{{{k},{d}}} = {int(m >= d)}, since m({k}) = {m} is {'' if m >= d else 'not '}at least d = {d}"


def add_second_mask(page: Page, model: MADE, degrees: Tensor) -> None:
    page.heading("M^{V}: the hidden units of an output")
    page.paragraph(
        "Output d may see the inputs before d. So it may read a hidden unit only if all inputs of this unit come "
        "before d, that is, if d is greater than m(k). The comparison is strict: > and not ≥. This excludes x_{d} "
        "itself."
    )
    add_formulas(page, "masked-output", "mask-output")
    page.code(format_mask(get_masks(model)[0][1], [f"d = {d}" for d in range(1, D + 1)], "m(k)", degrees.tolist()))
    page.paragraph(
        "Output 1 reads no hidden unit: its row is zero, and its bias alone gives p(x_{1} = 1). No output reads "
        f"input {D}, because no site comes after it. Both are correct."
    )
    page.paragraph(
        "One function of the library, `degree_mask`, makes both masks by comparing degrees. This program uses it to "
        "make the masks of a network of any depth:"
    )
    page.code(read_source(build_masks), "python")


def add_mask_product(page: Page, model: MADE, degrees: Tensor) -> None:
    masks, _ = get_masks(model)
    page.heading("The product of the masks counts the paths")
    page.paragraph(
        "A path from input d through unit k to output d' exists if both of its connections exist: M^{V}_{d',k} "
        "M^{W}_{k,d} = 1. The sum over k is an entry of the matrix product, so M^{V} M^{W} counts the paths. The "
        "proof in the paper is one line: a path needs a unit with d' > m(k) ≥ d, and no number m(k) satisfies this "
        "if d ≥ d'."
    )
    add_formulas(page, "mask-product")
    found, rows = count_paths(masks), []
    for output, site in ((4, 1), (3, 2), (4, 3), (3, 3), (2, 3)):
        units = find_units_between(degrees, output=output, site=site)
        listed = ", ".join(str(k + 1) for k in units) or "none"
        rows.append([f"{site} → {output}", f"{output} > m(k) ≥ {site}", listed, str(int(found[output - 1, site - 1]))])
    page.table(["path", "needs", "units k", "(M^{V} M^{W})_{d',d}"], rows, "Paths from input d to output d'.")
    page.figure(
        to_png(made_masks_figure(model)),
        "The network, its masks, and their product. The diagonal of the last matrix is zero, and all entries above "
        "it are zero.",
        "A network of four inputs, five hidden units with their degrees, and four outputs; below it the two masks, and "
        "the number of paths as a lower triangle.",
        "masks-network.png",
    )
    page.figure(
        to_gif(figures.draw_masking_frames(masks, degrees), milliseconds=1100, last=3000),
        "All steps as an animation: the degrees are drawn, each hidden unit and each output loses the forbidden "
        "connections (orange), and the remaining paths of each output are traced back to the inputs.",
        "A network that loses its connections unit by unit; then the inputs that reach each output are marked.",
        "masks-step-by-step.gif",
    )


def add_two_layers(page: Page) -> None:
    model = MADE(DOMAIN, hidden=(WIDTH, WIDTH), seed=SEED)
    degrees = [m.tolist() for m in hidden_degrees(D, (WIDTH, WIDTH), generator(SEED))]
    page.heading("Several hidden layers")
    page.paragraph(
        "With a second hidden layer the same rule applies between the layers: a unit of degree m may read units of "
        "the layer below whose degree is at most m. This is the comparison of M^{W}, now between two hidden layers. "
        "The outputs are compared with the last hidden layer:"
    )
    add_formulas(page, "mask-deep", "mask-last")
    page.figure(
        to_png(made_masks_figure(model)),
        f"Two hidden layers, with degrees {', '.join(map(str, degrees[0]))} and {', '.join(map(str, degrees[1]))}. "
        "The product of all three masks is again zero on the diagonal and above it: along a path the degrees never "
        "decrease, and the last comparison is strict.",
        "A network of two hidden layers with the degrees of their units, its three masks, and the number of paths.",
        "masks-two-layers.png",
    )


def add_direct_connections(page: Page) -> None:
    narrow, helped = (MADE(DOMAIN, hidden=(2,), direct_connections=direct, seed=2) for direct in (False, True))
    degrees = hidden_degrees(D, (2,), generator(2))[0].tolist()
    seen = [int((count_paths(*get_masks(model)) > 0).sum()) for model in (narrow, helped)]
    page.heading("Direct connections from input to output")
    page.paragraph(
        "The degrees are random, so a degree may be missing. If no unit has m(k) = d, then no path leads from input "
        "d to output d + 1. This is not a leak, but the model loses a permitted dependence. With two hidden units "
        f"of degree {degrees[0]} and {degrees[1]}, only {seen[0]} of the {D * (D - 1) // 2} permitted pairs have a "
        "path. Direct weights A add (A ⊙ M^{A}) x to the outputs. They have a mask of their own, and with them all "
        f"{seen[1]} pairs have a path."
    )
    add_formulas(page, "mask-direct")
    rows = [[str(width), percent(pair_fraction(width))] for width in (1, 2, 4, 8, 16, 32)]
    page.table(
        ["hidden units", "permitted pairs with a path"],
        rows,
        f"One hidden layer over {SITES} sites, without direct weights; the mean of {NUM_DRAWS} random draws of the "
        "degrees. One degree is always D − 1.",
    )


def add_outlook(page: Page) -> None:
    page.heading("What comes next")
    page.paragraph(
        "These masks treat a datum as a vector. Pixels have neighbours, and an edge looks the same at every place of "
        "an image; a fully connected network must learn this for each place separately. The next lesson, "
        "`convolution`, moves the same weights over the whole image, and builds masks for them. The lesson `orders` "
        "trains one network for many orders, and samples from such a model."
    )


def pair_fraction(width: int) -> float:
    """Return the share of pairs of an output and an earlier site with a path, the mean over draws of the degrees."""
    format_range, found = torch.arange(1, SITES + 1), 0
    for draw in range(NUM_DRAWS):
        found += int(
            (count_paths(build_masks(format_range, hidden_degrees(SITES, (width,), generator(draw)))) > 0).sum()
        )
    return found / (NUM_DRAWS * SITES * (SITES - 1) // 2)


def add_another_order(page: Page, degrees: Tensor) -> None:
    model = MADE(DOMAIN, hidden=(WIDTH,), seed=SEED, order=ORDER)
    masks, _ = get_masks(model)
    positions = ", ".join(
        f"x_{{{site + 1}}}: {position + 1}" for site, position in enumerate(model.order.rank.tolist())
    )
    page.heading("Another order")
    page.paragraph(
        f"The sites may come in any order. Let the order be {', '.join(f'x_{{{site + 1}}}' for site in ORDER)}. The "
        f"degree of an input is its position in the order ({positions}), and the same comparisons give the masks. They "
        "are the old masks with permuted columns of M^{W} and permuted rows of M^{V}."
    )
    page.figure(
        to_png(figures.plot_masks_in_order(masks, count_paths(masks), degrees, ORDER)),
        "Above: the masks as the network uses them. Below: the same masks with inputs and outputs sorted by the "
        "order. They are equal to the masks of the first network.",
        "Two rows of three matrices: masks and paths with sites as numbered, and sorted by the order, where the "
        "paths are a lower triangle.",
        "masks-order.png",
    )
    page.paragraph(
        "So one network can be used for many orders if only the masks change: `chainrule explain orders` trains a "
        "network for all orders."
    )


def add_dependence_check(page: Page) -> None:
    page.heading("Check the dependences in three ways")
    page.paragraph(
        "Does the network really have the dependences that the masks permit? There are three ways to find out: the "
        "product of the masks, the prediction of `model.receptive_field()`, and the derivatives of the network "
        "itself (its Jacobian, with weights for which no path cancels another). All three must be zero at the same "
        "entries:"
    )
    page.table(
        ["MADE", "paths", "predicted", "Jacobian", "same", "leaks"],
        [[name, *format_dependences(model)] for name, model in make_models().items()],
        f"The number of pairs of an output and an input that it depends on; {D * (D - 1) // 2} pairs are permitted.",
    )
    page.paragraph("`chainrule check RUN` makes this test, and others, for any trained model.")


def make_models() -> dict[str, MADE]:
    """Return the networks of this lesson by name."""
    return {
        "one hidden layer": MADE(DOMAIN, hidden=(WIDTH,), seed=SEED),
        "two hidden layers": MADE(DOMAIN, hidden=(WIDTH, WIDTH), seed=SEED),
        "narrow": MADE(DOMAIN, hidden=(2,), seed=2),
        "narrow, with direct weights": MADE(DOMAIN, hidden=(2,), direct_connections=True, seed=2),
        "another order": MADE(DOMAIN, hidden=(WIDTH,), seed=SEED, order=ORDER),
    }


def format_dependences(model: MADE) -> list[str]:
    """Return a table row: the pairs by paths, by prediction and by Jacobian, whether all agree, and the leaks."""
    found = [
        count_paths(*get_masks(model)) > 0,
        model.receptive_field(),
        measure_jacobian(model, torch.arange(D), seed=0),
    ]
    seen = [each for each in found if each is not None]
    same = len(seen) == len(found) and all(torch.equal(each, seen[0]) for each in seen)
    leaking = int((seen[0] & ~model.order.before).sum())
    return [*(str(int(each.sum())) for each in seen), "yes" if same else "no", str(leaking)]


def format_range(first: int, last: int) -> str:
    """Format the numbers from `first` to `last`."""
    return ", ".join(map(str, range(first, last + 1)))


def format_mask(mask: Tensor, rows: list[str], columns: str, names: list[int] | None = None) -> str:
    """Format a mask as lines of 0 and 1, with names of its rows and columns."""
    width = max(map(len, [*rows, f"{columns} ="]))
    head = f"{f'{columns} =':>{width}}   {' '.join(map(str, names or range(1, mask.shape[1] + 1)))}"
    entries = zip(rows, mask.int().tolist(), strict=True)
    lines = [f"{name:>{width}}   {' '.join(map(str, row))}" for name, row in entries]
    return "\n".join([head, *lines])
