"""The lesson on orders: training is parallel, sampling is sequential; and any order is valid."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from chainrule.domains import Binary, Domain
from chainrule.domains.orders import raster, shuffled
from chainrule.figures import to_png
from chainrule.formatting import magnitude
from chainrule.inference.evaluate import evaluate
from chainrule.inference.sample import sample
from chainrule.learn.formulas import state
from chainrule.learn.lessons.orders_families import all_orders, averages, completions, missing, with_nats
from chainrule.learn.lessons.orders_models import Digits, Thumbnails
from chainrule.learn.orders import (
    distance,
    draw_in_steps,
    log_prob_in_steps,
    multiply_adds,
    passes,
    sample_by_hand,
    total_probability,
)
from chainrule.learn.pictures import orders as pictures
from chainrule.learn.pictures.animation import to_gif
from chainrule.learn.source import source
from chainrule.models.base import AutoregressiveModel, evaluating
from chainrule.models.ensemble import Ensemble
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.reports import Page
from chainrule.reports.multi_stage_progress import Tell
from chainrule.sampling.decode import walk
from chainrule.sampling.draws import Drawing
from chainrule.sampling.schedules import Schedule
from chainrule.seeding import site_noise

IMAGES, SHOWN, SEED = 16, 6, 4
"""How many images are drawn to be counted, and how many to be looked at; and the seed of their noise."""
SCALE = 13
"""Of a frame's pixels to a pixel of the data."""
ROUNDS, MANY = 2, 100


def write(page: Page, tell: Tell) -> None:
    page.paragraph(
        "Masks make a network autoregressive, dense or convolutional: that was the way so far. What they make it "
        "obey is the product rule, which takes the sites of a datum in some order. In training all of their values "
        "are known, in sampling none is: that makes the one parallel and the other sequential. This lesson counts "
        "what each costs, then asks what an order is good for."
    )
    state(page, "product-rule")
    digits = Digits.load()
    small = Thumbnails.of(digits)
    chapters: list[tuple[float, Callable[[], None]]] = [
        (0.05, lambda: one_pass(page, digits)),
        (0.3, lambda: by_hand(page, digits.pixelcnn)),
        (0.38, lambda: less_work(page, digits, small)),
        (0.6, lambda: any_order(page, digits, small)),
        (0.63, lambda: watched(page, digits)),
        (0.8, lambda: all_orders(page, digits)),
        (0.87, lambda: averages(page, small)),
        (0.95, lambda: missing(page, small)),
        (1.0, lambda: completions(page, digits)),
    ]
    for share, chapter in chapters:
        chapter()
        tell(share)


def one_pass(page: Page, digits: Digits) -> None:
    page.heading("Training: all conditionals in one pass")
    page.paragraph(
        "Masks cut every path from x_{i} and what comes after it to the output of site i. So a whole image can be "
        "fed in at once, and each output still sees only x_{<i}. A forward hook on the first layer counts how "
        "often data go through the network in a training step:"
    )
    model = MADE(digits.domain, hidden=(100,), direct_connections=True)
    images = digits.train[:IMAGES]
    with passes(model) as count:
        loss = -model.log_prob(images).mean()
        loss.backward()  # type: ignore[no-untyped-call]
    page.code(
        f"with passes(model) as count:\n    loss = -model.log_prob(images).mean()  # {IMAGES} images of "
        f"{model.domain.sites} pixels\n    loss.backward()\ncount()  # {count()}",
        "python",
    )
    page.paragraph(
        f"{counted_passes(count())} for all {model.domain.sites} conditionals of all {IMAGES} images, "
        f"{model.domain.sites * IMAGES:,} distributions. Nothing in it waits for anything else in it."
    )


def counted_passes(count: int) -> str:
    return f"{count} pass" if count == 1 else f"{count} passes"


def by_hand(page: Page, model: PixelCNN) -> None:
    page.heading("Sampling: one pass for each site")
    page.paragraph(
        "To sample, x_{1} is drawn and fed in, then x_{2} is drawn and fed in, and so on: no site can be drawn "
        "before those that its distribution depends on. The loop is short. `canvas_and_noise` gives it zeros to fill, "
        "and a uniform number for each site, at which the distribution is inverted:"
    )
    page.code(source(sample_by_hand), "python")
    with passes(model) as count:
        sample_by_hand(model, IMAGES, SEED)
    sites = model.domain.sites
    page.paragraph(
        f"The hook counts {counted_passes(count())} for {IMAGES} images of {sites} pixels. Each of them computes "
        f"all {sites} conditionals, and all but one are thrown away: those of earlier sites were known already, "
        "those of later ones are not true yet, since zeros stand where values are not drawn. The usual mistake is "
        "to draw several pixels from one such pass; what that draws is shown below."
    )
    steps = list(draw_in_steps(model, 1, SEED))
    chosen = [steps[number] for number in (0, 15, 27, 35, 51, 63)]
    titles = [f"pass {int(step.known.sum())}" for step in chosen]
    page.figure(
        to_png(pictures.growing_figure(chosen, titles)),
        "A digit as a small PixelCNN draws it. Above the pixels so far, blue where there is none yet; below "
        "p(x_{i} = 1 | x_{<i}) from which each was drawn, white for 1. Framed in orange the pixel of this pass. "
        "Where the map is grey the noise decided, and what follows fits what it decided.",
        "Six stages of one digit, its pixels above and the probabilities they were drawn from below",
        "growing.png",
    )


def less_work(page: Page, digits: Digits, small: Thumbnails) -> None:
    page.heading("The same draws with each feature computed once")
    page.paragraph(
        "Sampling has to be sequential; it need not be wasteful. A feature of the network depends on values that "
        "are known by some step, and never changes afterwards. A walk that keeps what it has computed does each "
        "feature's arithmetic once. `cr.sample` walks so, and takes the same noise for each site as the loop "
        "above. Counted with torch's own counter of matrix products and convolutions, in units of one forward pass:"
    )
    models = {"PixelCNN": digits.pixelcnn, "MADE": digits.fixed["by rows"]}
    rows, told = zip(*(_work(name, model) for name, model in models.items()), strict=True)
    page.table(
        ["multiply-adds, in passes", "training step", "loop by hand", "`cr.sample`", "steps"],
        rows,
        f"{IMAGES} images of 8×8. A training step is a forward and a backward pass. MADE's walk is counted as torch "
        "takes it; where numba is there, a compiled loop takes the same steps.",
    )
    page.paragraph(
        "The images are compared pixel by pixel: " + ", ".join(told) + ". A ratio of times is this machine's, here and "
        "now, on images as small as these. It grows with their size: the loop takes as many passes as there are "
        "pixels, the walk about one."
    )
    large = PixelCNN(Binary((1, 28, 28)), blocks=2, features=8)
    page.paragraph(
        "The PixelCNN's steps are fewer than its pixels. Its kernels look only three columns to the right in the "
        "rows above, so a pixel can be drawn while the row above is still being drawn, four columns further on: a "
        f"wavefront. Of 28×28 = {large.domain.sites} pixels that leaves {len(large.schedule)} steps, and the sites "
        "of a step are not connected by any path."
    )
    _too_many_at_once(page, digits.pixelcnn, small.model)


def row_by_row(domain: Domain) -> Schedule:
    """A whole row of an image in each step: too much for any model whose pixels depend on those to their left."""
    return Schedule(torch.split(raster(domain).sites, domain.shape[-1]))


def _too_many_at_once(page: Page, model: PixelCNN, small: MADE) -> None:
    """What a walk draws that takes a whole row from one pass, against one by wavefront."""
    rows, own = row_by_row(model.domain), sample(model, MANY, SEED)
    *_, last = draw_in_steps(model, MANY, SEED, rows)
    apart = float((log_prob_in_steps(model, own, model.schedule) - model.log_prob(own)).detach().abs().max())
    with torch.no_grad():
        nats = [float(-model.log_prob(x).mean()) for x in (own, last.x)]
        every = torch.cat(list(small.domain.outcomes()))
        off = distance(log_prob_in_steps(small, every, row_by_row(small.domain)).exp(), small.log_prob(every).exp())
    page.paragraph(
        "The mistake is to draw more at once, such as a whole row from one pass: fewer steps yet, but each pixel "
        "ignores those beside it that were drawn with it. The probability with which a walk draws an image can be "
        f"computed. By wavefront it is p(x), for {MANY} images to within {magnitude(apart)} nats. Row by row it is "
        f"another distribution: the model gives its own images {nats[0]:.1f} nats in the mean, and those "
        f"{nats[1]:.1f}. Of all images of 4×3 pixels, a MADE drawn row by row gives to some set a probability "
        f"that is off by {off:.2f}."
    )


def _work(name: str, model: AutoregressiveModel) -> tuple[list[str], str]:
    """A row of the table of work, and what to say of the images and of the time."""
    hand = partial(sample_by_hand, model, IMAGES, SEED)
    (drawn, fast), (looped, slow) = (_shortest(work) for work in (partial(sample, model, IMAGES, SEED), hand))
    draw = Drawing(site_noise(SEED, [(datum, 0) for datum in range(IMAGES)], model.domain.sites))

    def step() -> None:
        (-model.log_prob(drawn).mean()).backward()  # type: ignore[no-untyped-call]

    def stepwise() -> Tensor:  # torch's steps can be counted, those of MADE's compiled loop cannot
        return walk(model, IMAGES, lambda sites, conditionals: draw(sites, conditionals))

    with evaluating(model):
        unit = multiply_adds(lambda: model.conditionals(drawn))
    shares = [multiply_adds(work) / unit for work in (step, hand, stepwise)]
    same = int((looped == drawn).flatten(1).all(1).sum())
    row = [name, *(f"{share:.2f}" for share in shares), str(len(model.schedule))]
    return row, f"{same} of {IMAGES} of the {name}'s are equal, drawn about {slow / fast:.0f} times as fast"


def _shortest(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """What some work gives, and the seconds of the shortest of several runs."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - began)
    return found, min(times)


def any_order(page: Page, digits: Digits, small: Thumbnails) -> None:
    page.heading("Any order will do")
    page.paragraph(
        "The product rule holds for every permutation of the sites, so every order gives a valid model. On images "
        f"of 4×3 black or white pixels that can be checked by adding up all {small.model.domain.size:,} of them. "
        "One network, its masks made for three orders:"
    )
    chosen = {"by rows": None, "random": shuffled(small.family.domain, 0), "another": shuffled(small.family.domain, 1)}
    members = {name: small.family.member(order=order) for name, order in chosen.items()}
    totals = {name: total_probability(member.log_prob, member.domain) for name, member in members.items()}
    page.table(
        ["order", "sum of p(x) over all images", "test NLL in nats"],
        [[name, f"{totals[name]:.6f}", with_nats(evaluate(member, small.test))] for name, member in members.items()],
    )
    page.paragraph(
        "All three sum to 1; they are three different models all the same. Which order learns best is a question "
        "of data and network, not of probability. Four of them on the 8×8 digits, each with a MADE of its own that "
        "is trained alike:"
    )
    found = {name: evaluate(model, digits.test) for name, model in digits.fixed.items()}
    page.figure(
        to_png(
            pictures.orders_figure(digits.orders, (8, 8), {name: f"{each.nats:.2f}" for name, each in found.items()})
        ),
        "Four orders, the first pixels pale and the last ones blue, and below each the test NLL in nats of a MADE "
        f"that was trained in it (± {found['by rows'].stderr:.2f} each over {found['by rows'].n} images). The line "
        "goes from pixel to pixel.",
        "Four maps of 8×8 pixels shaded by their place in the order: rows, columns, at random, the middle first",
        "orders.png",
    )
    nats = [each.nats for each in found.values()]
    together = evaluate(Ensemble(list(digits.fixed.values())), digits.test)
    page.paragraph(
        f"They lie within {max(nats) - min(nats):.2f} nats of each other: rows are a habit, not a law. They err in "
        f"different places, too. The average of their four probabilities has {together.nats:.2f} nats, where the "
        f"four themselves have {sum(nats) / len(nats):.2f} in the mean. What may be averaged, and what may not, "
        "comes below."
    )


def watched(page: Page, digits: Digits) -> None:
    page.heading("Watch them grow")
    page.paragraph("Six images at once, a step a frame. First the PixelCNN, in raster order, a pixel a step:")
    plain = list(draw_in_steps(digits.pixelcnn, SHOWN, SEED))
    page.figure(
        to_gif(list(pictures.animated(pictures.growing_strips(plain, SCALE))), 130, 2500),
        "Above the pixels, below the probability of white that each was drawn from.",
        "Animation: six digits appear pixel by pixel, row by row, and their probabilities below them",
        "sampling.gif",
    )
    page.paragraph("Then the same by wavefront, the same with the mistake of whole rows, and a MADE in a random order.")
    front = list(draw_in_steps(digits.pixelcnn, SHOWN, SEED, digits.pixelcnn.schedule))
    rows = list(draw_in_steps(digits.pixelcnn, SHOWN, SEED, row_by_row(digits.domain)))
    random = list(draw_in_steps(digits.fixed["random"], SHOWN, SEED))
    strips = [
        pictures.pixels_strip(f"PixelCNN, raster order, {len(plain)} steps", plain, SCALE),
        pictures.pixels_strip(f"PixelCNN, wavefront, {len(front)} steps", front, SCALE),
        pictures.pixels_strip(f"The mistake: PixelCNN, whole rows at once, {len(rows)} steps", rows, SCALE),
        pictures.pixels_strip(f"MADE, a random order, {len(random)} steps", random, SCALE),
    ]
    same = int((plain[-1].x == front[-1].x).flatten(1).all(1).sum())
    page.figure(
        to_gif(list(pictures.animated(strips)), 130, 2500),
        f"The wavefront ends sooner, with the same images ({same} of {SHOWN}). Whole rows end sooner still, with "
        "worse ones. In the random order the first pixels are scattered, and the last ones fill in what they leave "
        "open.",
        "Animation: four rows of six digits appear: by pixels, along a slanting front, by whole rows, and scattered",
        "walks.gif",
    )
