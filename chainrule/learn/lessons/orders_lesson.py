"""The lesson on orders: parallel training, sequential sampling, and any order of the sites."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from chainrule.domains import Binary, Domain, raster, shuffled
from chainrule.figures import to_png
from chainrule.formatting import magnitude
from chainrule.inference import evaluate, sample
from chainrule.learn.figures import order_figures as figures
from chainrule.learn.figures.animation import to_gif
from chainrule.learn.formulas import add_formulas
from chainrule.learn.lessons.orders_families import (
    add_averages,
    add_completions,
    add_families,
    add_missing_values,
    format_nll,
)
from chainrule.learn.lessons.orders_models import Digits, Thumbnails
from chainrule.learn.model_averages import sum_over_domain, total_variation
from chainrule.learn.naive_sampling import (
    count_forward_passes,
    count_multiply_adds,
    log_prob_in_steps,
    sample_in_steps,
    sample_naively,
)
from chainrule.learn.source_code import read_source
from chainrule.models import AutoregressiveModel
from chainrule.models.ensemble import Ensemble
from chainrule.models.made import MADE
from chainrule.models.pixelcnn import PixelCNN
from chainrule.reports import Page, StageProgress
from chainrule.sampling import InverseCDFDraw, Schedule, decode, evaluating
from chainrule.seeding import site_noise

NUM_IMAGES, NUM_SHOWN, SEED = 16, 6, 4
"""The number of images that are sampled to count work, the number in the figures, and the seed of their noise."""
SCALE = 13
"""The size of a pixel of the data in pixels of a frame."""
NUM_RUNS, NUM_SAMPLES = 2, 100
"""The number of timed runs, and of images that are sampled row by row."""


def write(page: Page, progress: StageProgress) -> None:
    page.paragraph(
        "The last lessons used masks to make fully connected and convolutional networks autoregressive. These "
        "networks obey the product rule, which takes the sites of a datum in some order. During training all values "
        "of a datum are known, so training is parallel. During sampling no value is known in advance, so sampling is "
        "sequential. This lesson counts the cost of both, and then shows what the choice of an order is good for."
    )
    add_formulas(page, "product-rule")
    digits = Digits.load()
    small = Thumbnails.shrink_digits(digits)
    chapters: list[tuple[float, Callable[[], None]]] = [
        (0.05, lambda: add_training(page, digits)),
        (0.3, lambda: add_sampling(page, digits.pixelcnn)),
        (0.38, lambda: add_cached_sampling(page, digits, small)),
        (0.6, lambda: add_orders(page, digits, small)),
        (0.63, lambda: add_animations(page, digits)),
        (0.8, lambda: add_families(page, digits)),
        (0.87, lambda: add_averages(page, small)),
        (0.95, lambda: add_missing_values(page, small)),
        (1.0, lambda: add_completions(page, digits)),
    ]
    for share, chapter in chapters:
        chapter()
        progress(share)


def add_training(page: Page, digits: Digits) -> None:
    page.heading("Training: all conditionals in one pass")
    page.paragraph(
        "The masks cut every path from x_{i} and from later sites to the output of site i. So a whole image can be "
        "the input of one pass, and each output still depends only on x_{<i}. A forward hook on the first layer "
        "counts the passes through the network in a training step:"
    )
    model = MADE(digits.domain, hidden=(100,), direct_connections=True)
    images = digits.train[:NUM_IMAGES]
    with count_forward_passes(model) as count:
        loss = -model.log_prob(images).mean()
        loss.backward()  # type: ignore[no-untyped-call]
    page.code(
        "with count_forward_passes(model) as count:\n    loss = -model.log_prob(images).mean()"
        f"  # {NUM_IMAGES} images of {model.domain.sites} pixels\n    loss.backward()\ncount()  # {count()}",
        "python",
    )
    page.paragraph(
        f"{format_passes(count())} for all {model.domain.sites} conditionals of all {NUM_IMAGES} images, "
        f"{model.domain.sites * NUM_IMAGES:,} distributions. No part of a layer waits for another part of it."
    )


def format_passes(count: int) -> str:
    return f"{count} pass" if count == 1 else f"{count} passes"


def add_sampling(page: Page, model: PixelCNN) -> None:
    page.heading("Sampling: one pass for each site")
    page.paragraph(
        "To sample an image, draw x_{1}, use it as an input, draw x_{2}, use it as an input, and so on. A site can "
        "be drawn only after all sites that its distribution depends on. The loop is short. `init_samples` "
        "returns an image of zeros, and a uniform random number for each site; the inverse cumulative distribution "
        "of the site at this number is the value of the site:"
    )
    page.code(read_source(sample_naively), "python")
    with count_forward_passes(model) as count:
        sample_naively(model, NUM_IMAGES, seed=SEED)
    sites = model.domain.sites
    page.paragraph(
        f"The hook counts {format_passes(count())} for {NUM_IMAGES} images of {sites} pixels. Each pass computes all "
        f"{sites} conditional distributions and uses only one. The distributions of earlier sites are known already. "
        "The distributions of later sites are not yet correct, because their conditions contain zeros in place of "
        "values that are not yet drawn. A common mistake is to draw several pixels from one pass; its effect is "
        "shown below."
    )
    steps = list(sample_in_steps(model, 1, seed=SEED))
    chosen = [steps[number] for number in (0, 15, 27, 35, 51, 63)]
    titles = [f"pass {int(step.known.sum())}" for step in chosen]
    page.figure(
        to_png(figures.plot_growing_image(chosen, titles)),
        "A small PixelCNN draws a digit. Above: the pixels so far; blue pixels are not drawn yet. Below: the "
        "probability p(x_{i} = 1 | x_{<i}) of each drawn pixel; white is probability 1. Orange frame: the pixel of "
        "this pass. Where the map is grey the random number decided, and the later pixels are consistent with its "
        "decision.",
        "Six stages of one digit, its pixels above and the probabilities they were drawn from below",
        "growing.png",
    )


def add_cached_sampling(page: Page, digits: Digits, small: Thumbnails) -> None:
    page.heading("The same samples with each feature computed once")
    page.paragraph(
        "Sampling must be sequential, but it need not repeat work. A feature of the network depends on values that "
        "are known after some step, and it never changes after this step. A sampler that caches its features "
        "computes each feature once. `cr.sample` does this, with the same random number for each site as the loop "
        "above. The table counts multiply-adds with torch's own counter of matrix products and convolutions, in "
        "units of one forward pass:"
    )
    models = {"PixelCNN": digits.pixelcnn, "MADE": digits.fixed["by rows"]}
    rows, comparisons = zip(*(_measure_work(name, model) for name, model in models.items()), strict=True)
    page.table(
        ["multiply-adds, in passes", "training step", "loop by hand", "`cr.sample`", "steps"],
        rows,
        f"{NUM_IMAGES} images of 8×8. A training step is a forward and a backward pass. The count for MADE is for the "
        "sampler in torch; if numba is installed, a compiled loop makes the same steps.",
    )
    page.paragraph(
        "The images of both samplers are compared pixel by pixel: "
        + "; ".join(comparisons)
        + ". The ratio of the times was measured on this machine, and holds for images of this size. It grows with "
        "the size of the images: the loop by hand needs one pass for each pixel, the cached sampler needs about "
        "one pass in total."
    )
    large = PixelCNN(Binary((1, 28, 28)), blocks=2, features=8)
    page.paragraph(
        "The PixelCNN has fewer steps than pixels. Its kernels reach only three columns to the right in the rows "
        "above. So a pixel can be drawn while the row above is still being drawn, if the row above is four columns "
        f"ahead. This is a wavefront. For 28×28 = {large.domain.sites} pixels it takes "
        f"{len(large.sampler().schedule)} steps, and no path connects two sites of the same step."
    )
    _add_row_sampling(page, digits.pixelcnn, small.model)


def row_schedule(domain: Domain) -> Schedule:
    """Return a schedule with a whole row in each step, which is wrong if a pixel depends on the pixels to its left."""
    return Schedule(torch.split(raster(domain).sites, domain.shape[-1]))


def _add_row_sampling(page: Page, model: PixelCNN, small: MADE) -> None:
    """Add a comparison of sampling by whole rows with sampling by wavefront."""
    rows, own = row_schedule(model.domain), sample(model, NUM_SAMPLES, seed=SEED)
    *_, last = sample_in_steps(model, NUM_SAMPLES, seed=SEED, schedule=rows)
    apart = float((log_prob_in_steps(model, own, model.sampler().schedule) - model.log_prob(own)).detach().abs().max())
    with torch.no_grad():
        nats = [float(-model.log_prob(x).mean()) for x in (own, last.x)]
        every = torch.cat(list(small.domain.outcomes()))
        off = total_variation(
            log_prob_in_steps(small, every, row_schedule(small.domain)).exp(), small.log_prob(every).exp()
        )
    page.paragraph(
        "The mistake is to draw more pixels at once, for example a whole row from one pass. This takes even fewer "
        "steps, but each pixel ignores the other pixels of the row that are drawn with it. The probability with "
        f"which a sampler draws an image can be computed. By wavefront it is p(x): for {NUM_SAMPLES} images the "
        f"largest difference is {magnitude(apart)} nats. Row by row it is a different distribution: the mean NLL "
        f"under the model is {nats[0]:.1f} nats for the model's own samples and {nats[1]:.1f} nats for samples drawn "
        "row by row. For images of 4×3 pixels, a MADE that is sampled row by row gives some set of images a "
        f"probability with an error of {off:.2f}."
    )


def _measure_work(name: str, model: AutoregressiveModel) -> tuple[list[str], str]:
    """Return a table row on the work, and a text on the images and the time."""
    hand = partial(sample_naively, model, NUM_IMAGES, seed=SEED)
    (drawn, fast), (looped, slow) = (
        _time_shortest(work) for work in (partial(sample, model, NUM_IMAGES, seed=SEED), hand)
    )
    draw = InverseCDFDraw(site_noise(SEED, [(datum, 0) for datum in range(NUM_IMAGES)], model.domain.sites))

    def step() -> None:
        (-model.log_prob(drawn).mean()).backward()  # type: ignore[no-untyped-call]

    def stepwise() -> Tensor:  # torch's steps can be counted, those of MADE's compiled loop cannot
        return decode(model.sampler(), NUM_IMAGES, lambda sites, conditionals: draw(sites, conditionals))

    with evaluating(model):
        unit = count_multiply_adds(lambda: model.conditionals(drawn))
    shares = [count_multiply_adds(work) / unit for work in (step, hand, stepwise)]
    same = int((looped == drawn).flatten(1).all(1).sum())
    row = [name, *(f"{share:.2f}" for share in shares), str(len(model.sampler().schedule))]
    speed = f"`cr.sample` is about {slow / fast:.0f} times as fast"
    return row, f"{same} of {NUM_IMAGES} images of the {name} are equal, and {speed}"


def _time_shortest(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Return the result of a function, and the seconds of the shortest of several runs."""
    times = []
    for _ in range(NUM_RUNS):
        began = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - began)
    return found, min(times)


def add_orders(page: Page, digits: Digits, small: Thumbnails) -> None:
    page.heading("Any order is valid")
    page.paragraph(
        "The product rule holds for every permutation of the sites, so every order gives a valid model. For images "
        f"of 4×3 black or white pixels this can be checked by a sum over all {small.model.domain.size:,} images. The "
        "table uses one network with the masks of three orders:"
    )
    chosen = {
        "by rows": None,
        "random": shuffled(small.family.domain, seed=0),
        "another": shuffled(small.family.domain, seed=1),
    }
    members = {name: small.family.member(order=order) for name, order in chosen.items()}
    totals = {name: sum_over_domain(member.log_prob, member.domain) for name, member in members.items()}
    page.table(
        ["order", "sum of p(x) over all images", "test NLL in nats"],
        [[name, f"{totals[name]:.6f}", format_nll(evaluate(member, small.test))] for name, member in members.items()],
    )
    page.paragraph(
        "All three sums are 1, but the three models are different distributions. Which order learns best depends on "
        "the data and the network, not on the product rule. The next picture shows four orders of the 8×8 digits, "
        "each with a MADE of its own; all four are trained in the same way:"
    )
    found = {name: evaluate(model, digits.test) for name, model in digits.fixed.items()}
    page.figure(
        to_png(
            figures.plot_orders(
                digits.orders, shape=(8, 8), captions={name: f"{each.nats:.2f}" for name, each in found.items()}
            )
        ),
        "Four orders: the first pixels are pale, the last pixels are blue, and the line goes from pixel to pixel. "
        "Below each order is the test NLL in nats of a MADE that was trained with this order (each ± "
        f"{found['by rows'].stderr:.2f} over {found['by rows'].n} images).",
        "Four maps of 8×8 pixels shaded by their position in the order: rows, columns, at random, the middle first",
        "orders.png",
    )
    nats = [each.nats for each in found.values()]
    together = evaluate(Ensemble(list(digits.fixed.values())), digits.test)
    page.paragraph(
        f"The four NLLs differ by at most {max(nats) - min(nats):.2f} nats: row order is a convention, not a "
        "necessity. The models also make different errors. The average of their four probabilities has an NLL of "
        f"{together.nats:.2f} nats, and the mean of the four NLLs is {sum(nats) / len(nats):.2f} nats. A chapter "
        "below explains which averages are valid."
    )


def add_animations(page: Page, digits: Digits) -> None:
    page.heading("Watch the sampling")
    page.paragraph(
        "Each animation draws six images, with one frame for each step. First the PixelCNN in raster order, one pixel "
        "in each step:"
    )
    plain = list(sample_in_steps(digits.pixelcnn, NUM_SHOWN, seed=SEED))
    page.figure(
        to_gif(list(figures.draw_strip_frames(figures.make_growing_strips(plain, SCALE))), milliseconds=130, last=2500),
        "Above: the pixels. Below: the probability of white of each drawn pixel.",
        "Animation: six digits appear pixel by pixel, row by row, and their probabilities below them",
        "sampling.gif",
    )
    page.paragraph(
        "Then the PixelCNN by wavefront, the PixelCNN with the mistake of whole rows, and a MADE in a random order:"
    )
    front = list(sample_in_steps(digits.pixelcnn, NUM_SHOWN, seed=SEED, schedule=digits.pixelcnn.sampler().schedule))
    rows = list(sample_in_steps(digits.pixelcnn, NUM_SHOWN, seed=SEED, schedule=row_schedule(digits.domain)))
    random = list(sample_in_steps(digits.fixed["random"], NUM_SHOWN, seed=SEED))
    strips = [
        figures.make_pixel_strip(f"PixelCNN, raster order, {len(plain)} steps", plain, SCALE),
        figures.make_pixel_strip(f"PixelCNN, wavefront, {len(front)} steps", front, SCALE),
        figures.make_pixel_strip(f"The mistake: PixelCNN, whole rows at once, {len(rows)} steps", rows, SCALE),
        figures.make_pixel_strip(f"MADE, a random order, {len(random)} steps", random, SCALE),
    ]
    same = int((plain[-1].x == front[-1].x).flatten(1).all(1).sum())
    page.figure(
        to_gif(list(figures.draw_strip_frames(strips)), milliseconds=130, last=2500),
        f"The wavefront needs fewer steps and draws the same images ({same} of {NUM_SHOWN}). Whole rows need even "
        "fewer steps, but the images are worse. In the random order the first pixels are scattered, and the last "
        "pixels fill the gaps between them.",
        "Animation: four rows of six digits appear: by pixels, along a slanting front, by whole rows, and scattered",
        "walks.gif",
    )
