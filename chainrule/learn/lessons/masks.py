"""The lesson on MADE's masks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chainrule.checks import check_leak
from chainrule.checks.receptive_fields import jacobian
from chainrule.domains import Binary
from chainrule.figures import made_masks_figure, to_png
from chainrule.formatting import percent
from chainrule.learn.formulas import state
from chainrule.learn.lessons.masks_mistakes import degrees_that_waste, leaks, lost_weights
from chainrule.learn.masks import between, masks_in, masks_of, paths
from chainrule.learn.pictures import masks as pictures
from chainrule.learn.pictures.animation import to_gif
from chainrule.learn.source import source
from chainrule.models.made import MADE, hidden_degrees
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.seeding import generator

D, WIDTH, SEED = 4, 5, 7
DOMAIN = Binary((D,))
ORDER = (2, 0, 3, 1)
"""Another order: the third site first."""
FOLLOWED = 3
"""The output that is followed, from 1."""
SITES, DRAWS = 8, 200
"""Of the layers whose missing degrees are counted."""


def write(page: Page, tell: Tell) -> None:
    model = MADE(DOMAIN, hidden=(WIDTH,), seed=SEED)
    degrees = hidden_degrees(D, (WIDTH,), generator(SEED))[0]
    it_sees_itself(page, model, degrees)
    the_degrees(page, degrees)
    tell(0.1)
    first_mask(page, model, degrees)
    second_mask(page, model, degrees)
    the_product(page, model, degrees)
    tell(0.35)
    two_layers(page)
    direct_weights(page)
    another_order(page, degrees)
    tell(0.55)
    all_equal(page)
    page.heading("The usual mistakes")
    degrees_that_waste(page)
    tell(0.6)
    leaks(page, lambda share: tell(0.6 + 0.35 * share))
    lost_weights(page)
    what_comes_next(page)
    tell(1.0)


def it_sees_itself(page: Page, model: MADE, degrees: Tensor) -> None:
    plain = nn.Sequential(nn.Linear(D, WIDTH), nn.ReLU(), nn.Linear(WIDTH, D))
    report = check_leak(plain, (D,), levels=2, layout="n,d")
    page.paragraph(
        "The product rule wants p(x_{d} | x_{<d}): output d may depend on the inputs before d, and on no others. An "
        "autoencoder computes all outputs at once, which is what we want; but each of them sees everything. MADE, the "
        "masked autoencoder for distribution estimation (Germain and others 2015), keeps the network and cuts "
        "connections until the product rule holds. This lesson does it, one step at a time, and then looks at how it "
        "goes wrong."
    )
    page.heading("An autoencoder sees itself")
    page.paragraph(
        f"Take an autoencoder with {D} inputs and {WIDTH} hidden units. `check_leak` changes each input and looks at "
        f"the outputs: of the {D * D} pairs of an output and an input, {len(report.leaks)} are forbidden, and all of "
        f"them are there: every output sees its own input and those after it. Reading x̂_{{{FOLLOWED}}} as "
        f"p(x_{{{FOLLOWED}}} = 1 | x_{{<{FOLLOWED}}}) would be wrong, for it has looked at x_{{{FOLLOWED}}}."
    )
    page.figure(
        to_png(pictures.two_networks_figure(masks_in(model)[0], degrees, FOLLOWED - 1)),
        f"All that output {FOLLOWED} sees, without masks and with those that this lesson makes. The numbers in the "
        "hidden units are explained below.",
        "Two networks of three layers. On the left one output is connected with all inputs; on the right only with "
        "those before it.",
        "masks-two-networks.png",
    )
    page.paragraph(
        "How could one make sure that it does not look? A derivative is a sum over paths, as `chainrule explain "
        "backprop` shows. Where no path leads from input d to output d', the output cannot depend on the input, "
        "whatever the weights are. So we cut connections until no forbidden path is left, and keep what we can."
    )


def the_degrees(page: Page, degrees: Tensor) -> None:
    page.heading("Each hidden unit gets a degree")
    page.paragraph(
        f"Give each hidden unit k a number m(k) from 1 to D − 1, here 1 to {D - 1}, drawn at random: it may see the "
        "first m(k) inputs, and no others. It is a promise, and the two masks are what both sides do to keep it. "
        "(chainrule draws all but the first of a layer, which is D − 1, so that the last output can see every input "
        "before it.) This network drew:"
    )
    rows = [[str(k), str(m), sites(1, m), sites(m + 1, D)] for k, m in enumerate(degrees.tolist(), 1)]
    page.table(["unit k", "m(k)", "sees inputs", "may be read by outputs"], rows)
    page.paragraph("An input d counts as a unit of degree d.")


def first_mask(page: Page, model: MADE, degrees: Tensor) -> None:
    mask = masks_in(model)[0][0]
    page.heading("M^{W}: what a hidden unit sees")
    page.paragraph(
        "Whenever a weight is used, it is multiplied by its entry of a mask. That is ⊙, the product entry by entry; an "
        "entry of 0 is no connection."
    )
    state(page, "masked-hidden", "mask-hidden")
    one, none = (1, int(degrees[0])), (2, int(degrees[1]) + 1)
    page.paragraph(
        f"Two entries: {comparison(*one, int(degrees[0]))}, and {comparison(*none, int(degrees[1]))}. A row for each "
        "hidden unit:"
    )
    page.code(matrix(mask, [f"m({k}) = {m}" for k, m in enumerate(degrees.tolist(), 1)], "d"))


def comparison(k: int, d: int, m: int) -> str:
    """An entry of M^W in words."""
    return f"M^{{W}}_{{{k},{d}}} = {int(m >= d)}, since m({k}) = {m} is {'' if m >= d else 'not '}at least d = {d}"


def second_mask(page: Page, model: MADE, degrees: Tensor) -> None:
    page.heading("M^{V}: what an output reads")
    page.paragraph(
        "Output d may see the inputs before d. So it may read a hidden unit only if all that this unit sees comes "
        "before d: if d is greater than m(k). Greater, not at least: that is what keeps x_{d} itself out."
    )
    state(page, "masked-output", "mask-output")
    page.code(matrix(masks_in(model)[0][1], [f"d = {d}" for d in range(1, D + 1)], "m(k)", degrees.tolist()))
    page.paragraph(
        f"Output 1 reads nothing: its row is empty, and its bias alone says p(x_{{1}} = 1). Input {D} is read by "
        "nobody, since no site comes after it. Both are as they must be."
    )
    page.paragraph(
        "Both masks come from one function of the library, `degree_mask`, which compares degrees and does nothing "
        "else. With it, the masks of a network of any depth are:"
    )
    page.code(source(masks_of), "python")


def the_product(page: Page, model: MADE, degrees: Tensor) -> None:
    masks, _ = masks_in(model)
    page.heading("The product of the masks counts the paths")
    page.paragraph(
        "A path from input d over unit k to output d' is there if both of its connections are: M^{V}_{d',k} "
        "M^{W}_{k,d} = 1. Summed over k, that is an entry of the matrix product, so M^{V} M^{W} counts the paths. The "
        "paper's proof is one line: a path needs a unit with d' > m(k) ≥ d, and where d ≥ d' there is no such number."
    )
    state(page, "mask-product")
    found, rows = paths(masks), []
    for output, site in ((4, 1), (3, 2), (4, 3), (3, 3), (2, 3)):
        units = between(degrees, output, site)
        told = ", ".join(str(k + 1) for k in units) or "none"
        rows.append([f"{site} → {output}", f"{output} > m(k) ≥ {site}", told, str(int(found[output - 1, site - 1]))])
    page.table(["path", "needs", "units k", "(M^{V} M^{W})_{d',d}"], rows, "Paths from input d to output d'.")
    page.figure(
        to_png(made_masks_figure(model)),
        "The network, its masks, and their product. Nothing stands on the diagonal of the last matrix, or above it.",
        "A network of four inputs, five hidden units with their degrees, and four outputs; below it the two masks, and "
        "the number of paths as a lower triangle.",
        "masks-network.png",
    )
    page.figure(
        to_gif(pictures.masking_frames(masks, degrees), 1100, last=3000),
        "All of it in time: degrees are drawn, each hidden unit and each output cuts what it must not read (orange), "
        "and what is left is followed down from each output.",
        "A network that loses its connections unit by unit; then the inputs that reach each output are marked.",
        "masks-step-by-step.gif",
    )


def two_layers(page: Page) -> None:
    model = MADE(DOMAIN, hidden=(WIDTH, WIDTH), seed=SEED)
    degrees = [m.tolist() for m in hidden_degrees(D, (WIDTH, WIDTH), generator(SEED))]
    page.heading("Deeper")
    page.paragraph(
        "With a second hidden layer the promise is passed on: a unit that may see m inputs may read units that see at "
        "most m. That is the comparison of M^{W} again, now between two layers, and the outputs compare with the last:"
    )
    state(page, "mask-deep", "mask-last")
    page.figure(
        to_png(made_masks_figure(model)),
        f"Two hidden layers, with degrees {', '.join(map(str, degrees[0]))} and {', '.join(map(str, degrees[1]))}. The "
        "product of all three masks is a lower triangle again: along a path degrees never fall, and the last step is "
        "strict.",
        "A network of two hidden layers with the degrees of their units, its three masks, and the number of paths.",
        "masks-two-layers.png",
    )


def direct_weights(page: Page) -> None:
    narrow, helped = (MADE(DOMAIN, hidden=(2,), direct_connections=direct, seed=2) for direct in (False, True))
    degrees = hidden_degrees(D, (2,), generator(2))[0].tolist()
    seen = [int((paths(*masks_in(model)) > 0).sum()) for model in (narrow, helped)]
    page.heading("Straight from input to output")
    page.paragraph(
        "Degrees are drawn, and some may be missing. If no unit has m(k) = d, then no path leads from input d to "
        f"output d + 1: that is no leak, but a loss. With two hidden units of degree {degrees[0]} and {degrees[1]}, "
        f"only {seen[0]} of the {D * (D - 1) // 2} permitted pairs have a path. Direct weights A, which add (A ⊙ "
        f"M^{{A}}) x to what the outputs read, have a mask of their own and give each pair a path: {seen[1]}."
    )
    state(page, "mask-direct")
    rows = [[str(width), percent(share_of_pairs(width))] for width in (1, 2, 4, 8, 16, 32)]
    page.table(
        ["hidden units", "permitted pairs with a path"],
        rows,
        f"One hidden layer over {SITES} sites, no direct weights; the mean of {DRAWS} draws of degrees, of which "
        "one is always D − 1.",
    )


def what_comes_next(page: Page) -> None:
    page.heading("What comes next")
    page.paragraph(
        "These masks take a datum for a row of numbers; that a pixel has neighbours, and that an edge looks alike "
        "wherever it is, such a network must learn for each place anew. The next lesson, `convolution`, has weights "
        "that are moved over the image, and masks for them. What to do with many orders, and how to draw from such a "
        "model, is the lesson `orders`."
    )


def share_of_pairs(width: int) -> float:
    """The share of pairs of a site and one before it that have a path, the mean over draws of the degrees."""
    sites, found = torch.arange(1, SITES + 1), 0
    for draw in range(DRAWS):
        found += int((paths(masks_of(sites, hidden_degrees(SITES, (width,), generator(draw)))) > 0).sum())
    return found / (DRAWS * SITES * (SITES - 1) // 2)


def another_order(page: Page, degrees: Tensor) -> None:
    model = MADE(DOMAIN, hidden=(WIDTH,), seed=SEED, order=ORDER)
    masks, _ = masks_in(model)
    places = ", ".join(f"x_{{{site + 1}}}: {place + 1}" for site, place in enumerate(model.order.rank.tolist()))
    page.heading("Another order")
    page.paragraph(
        "Nothing so far needs the sites to come as they are numbered. Let the order be "
        f"{', '.join(f'x_{{{site + 1}}}' for site in ORDER)}. An input's degree is its place in the order ({places}), "
        "and the same comparisons give the masks: the old ones, with columns of M^{W} and rows of M^{V} permuted."
    )
    page.figure(
        to_png(pictures.order_figure(masks, paths(masks), degrees, ORDER)),
        "Above, the masks as the network uses them. Below, the same with inputs and outputs put in the order: they are "
        "those of the first network.",
        "Two rows of three matrices: masks and paths with sites as numbered, and sorted by the order, where the paths "
        "are a lower triangle.",
        "masks-order.png",
    )
    page.paragraph(
        "So one network can serve many orders, by changing masks alone: `chainrule explain orders` trains it for all."
    )


def all_equal(page: Page) -> None:
    page.heading("Three ways to ask who sees whom")
    page.paragraph(
        "Masks are a plan. Does the network keep it? The product of the masks, what `model.receptive_field()` "
        "predicts, and the derivatives of the network itself (its Jacobian, with weights that open every path) must "
        "have their zeros at the same places:"
    )
    page.table(
        ["MADE", "paths", "predicted", "Jacobian", "same", "leaks"],
        [[name, *compared(model)] for name, model in some_models().items()],
        f"Pairs of an output and an input that it sees; {D * (D - 1) // 2} are permitted.",
    )
    page.paragraph("`chainrule check RUN` asks this, and more, of any trained model.")


def some_models() -> dict[str, MADE]:
    """The networks of this lesson, by what is special about them."""
    return {
        "one hidden layer": MADE(DOMAIN, hidden=(WIDTH,), seed=SEED),
        "two hidden layers": MADE(DOMAIN, hidden=(WIDTH, WIDTH), seed=SEED),
        "narrow": MADE(DOMAIN, hidden=(2,), seed=2),
        "narrow, with direct weights": MADE(DOMAIN, hidden=(2,), direct_connections=True, seed=2),
        "another order": MADE(DOMAIN, hidden=(WIDTH,), seed=SEED, order=ORDER),
    }


def compared(model: MADE) -> list[str]:
    """How many pairs are seen by paths, prediction and Jacobian; whether these are the same; and how many leak."""
    found = [paths(*masks_in(model)) > 0, model.receptive_field(), jacobian(model, torch.arange(D), seed=0)]
    seen = [each for each in found if each is not None]
    same = len(seen) == len(found) and all(torch.equal(each, seen[0]) for each in seen)
    leaking = int((seen[0] & ~model.order.before).sum())
    return [*(str(int(each.sum())) for each in seen), "yes" if same else "no", str(leaking)]


def sites(first: int, last: int) -> str:
    """Inputs or outputs from first to last."""
    return ", ".join(map(str, range(first, last + 1)))


def matrix(mask: Tensor, rows: list[str], columns: str, names: list[int] | None = None) -> str:
    """A mask as lines of 0 and 1, with what its rows and columns are."""
    width = max(map(len, [*rows, f"{columns} ="]))
    head = f"{f'{columns} =':>{width}}   {' '.join(map(str, names or range(1, mask.shape[1] + 1)))}"
    entries = zip(rows, mask.int().tolist(), strict=True)
    lines = [f"{name:>{width}}   {' '.join(map(str, row))}" for name, row in entries]
    return "\n".join([head, *lines])
