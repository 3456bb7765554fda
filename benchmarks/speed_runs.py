"""What each side of a row of `speed.py` does, in a process of its own; and the checks that the two do the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from plain import Numbers, draw, log_prob, naive_sample, step, stirred
from plain_cnn import PlainPixelCNN
from plain_made import PlainMADE
from plain_rnn import plain_numbers
from torch import Tensor
from turns import Work

import chainrule as cr
from chainrule.data import as_split
from chainrule.hardware import keep_freed_memory
from chainrule.layers.convolution import MaskedConv2d
from chainrule.seeding import site_noise
from chainrule.training import ProcessGroup, Trainer, as_settings

SEED = 0
STEPS = 5
"""So many training steps are one turn."""
PASSES = 8
"""So many passes of the naive loop tell what all of them take, where there are too many."""
FLIPS = 1e-4
"""The share of sites that may be drawn otherwise: there the noise meets a threshold, and rounding decides."""

Model = cr.PixelCNN | cr.PixelRNN | cr.MADE
Against = Literal["naive loop", "one pass", "training step"]


@dataclass(frozen=True)
class Case:
    """One row: what is measured, and against what.

    Attributes:
        name: as `--only` knows it.
        work: in words.
        make: makes the model, always the same one.
        n: images at once.
        against: what the plain side does. The ratio is plain / ours, and for one pass ours / plain.
        bar: the ratio that we set ourselves: at least this, and for one pass at most; None of a row for comparison.
        stretch: the one that we would like.
        precision: of our training steps; the plain ones are float32.
    """

    name: str
    work: str
    make: Callable[[], Model]
    n: int
    against: Against
    bar: float | None = None
    stretch: float | None = None
    precision: Literal["auto", "float32"] = "auto"

    @property
    def at_most(self) -> bool:
        return self.against == "one pass"


def made_ready(case: Case) -> Model:
    """The model, with weights in which nothing is zero."""
    model = case.make()
    stirred(model)
    return model


def plain_of(model: Model) -> Numbers:
    """The same function of the same weights, written plainly."""
    if isinstance(model, cr.PixelRNN):
        return partial(plain_numbers, model)
    return PlainMADE(model) if isinstance(model, cr.MADE) else PlainPixelCNN(model)


def noise_of(case: Case, model: Model) -> Tensor:
    """What `cr.sample` draws with: float64 [n, D]."""
    return site_noise(SEED, [(datum, 0) for datum in range(case.n)], model.domain.sites)


def images_of(model: Model, n: int) -> Tensor:
    """Random data [n, C, H, W]."""
    return model.domain.random_data(n, torch.Generator().manual_seed(SEED)).float()


# The sides: each gives the work of one turn.


def naive_loop(case: Case) -> Work:
    model = made_ready(case)
    loop = partial(naive_sample, plain_of(model), model.domain.shape, noise_of(case, model))
    loop(passes=PASSES)  # the whole of it would take minutes
    return lambda: loop().numpy()


def naive_part(case: Case) -> Work:
    """The first passes of the naive loop: each takes as long as any other."""
    model = made_ready(case)
    part = partial(naive_sample, plain_of(model), model.domain.shape, noise_of(case, model), PASSES)
    part()
    return lambda: part().numpy()


def one_pass(case: Case) -> Work:
    model = made_ready(case)
    numbers_of, x = plain_of(model), images_of(model, case.n)

    def work() -> None:
        with torch.no_grad():
            numbers_of(x)

    work()
    return work


def sampling(case: Case) -> Work:
    """`cr.sample`, as it is."""
    model = made_ready(case)

    def work() -> np.ndarray:
        return cr.sample(model, case.n, seed=SEED).numpy()

    work()
    return work


def plain_steps(case: Case) -> Work:
    """AdamW on the plain model; where masks are drawn anew, other ones in each step."""
    model = made_ready(case)
    numbers_of = plain_of(model)
    assert isinstance(numbers_of, PlainPixelCNN | PlainMADE)
    x, optimiser = images_of(model, case.n), torch.optim.AdamW(numbers_of.parameters())

    def nats() -> Tensor:
        if isinstance(model, cr.MADE) and isinstance(numbers_of, PlainMADE) and model.agnostic:
            numbers_of.redraw()
        return -log_prob(numbers_of(x), x)

    def work() -> None:
        for _ in range(STEPS):
            step(optimiser, nats)

    work()
    return work


def fit_steps(case: Case) -> Work:
    """The updates of `cr.fit`; each also clips the gradient, looks for NaN and averages the weights.

    Its work gives the precision that they were in.
    """
    keep_freed_memory()  # as `fit` does
    model = made_ready(case)
    settings = as_settings({"batch_size": case.n, "updates": 10**6, "precision": case.precision})
    data = as_split(images_of(model, case.n), model.domain)
    trainer = Trainer(model, settings, data, None, ProcessGroup())

    def work() -> str:
        for _ in range(STEPS):
            trainer.update(data.values())
        return trainer.settings.precision

    work()
    return work


SIDES: dict[Against, tuple[Callable[[Case], Work], Callable[[Case], Work]]] = {
    "naive loop": (naive_loop, sampling),
    "one pass": (one_pass, sampling),
    "training step": (plain_steps, fit_steps),
}
"""The plain side and ours."""


def peak_of_sampling(case: Case) -> Work:
    """The first draw of a fresh process: by how many bytes its peak of memory rises."""
    model = made_ready(case)

    def work() -> int:
        before = peak_memory()
        cr.sample(model, case.n, seed=SEED)
        return peak_memory() - before

    return work


def peak_memory() -> int:
    """The most that this process ever held, in bytes (Linux).

    Not `getrusage`: there a new process begins with the peak of the one that started it.
    """
    (kilobytes,) = re.findall(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * int(kilobytes)


def square_product(side: int) -> Work:
    """A product of two square matrices in float32."""
    a, b = torch.randn(2, side, side, generator=torch.Generator().manual_seed(SEED))

    def work() -> None:
        torch.mm(a, b)

    work()
    return work


# Checks.


def check(case: Case) -> None:
    """The two sides are one function: log p agrees, in float64."""
    model = made_ready(case).double()
    plain, x = plain_of(model), images_of(model, 2)
    with torch.no_grad():
        numbers = plain.double()(x.double()) if isinstance(plain, torch.nn.Module) else plain(x.double())
        torch.testing.assert_close(log_prob(numbers, x.double()), model.log_prob(x))


def check_draws(case: Case, drawn: np.ndarray) -> int:
    """At how many sites the plain model draws otherwise than was drawn, given the sites before and the same noise.

    Raises:
        AssertionError: at more than rounding explains.
    """
    model, x = made_ready(case), torch.from_numpy(drawn).float()
    with torch.no_grad():
        again = draw(plain_of(model)(x), noise_of(case, model).view(x.shape))
    flips = int((again != x).sum())
    assert flips <= max(1, FLIPS * x.numel()), f"{case.name}: {flips} of {x.numel()} sites are drawn otherwise"
    assert x.min() < x.max(), f"{case.name}: all sites have one value, which shows nothing"
    return flips


def multiply_adds(model: cr.PixelCNN, training: bool) -> int:
    """Of the weights that no mask closes, for one image: each tap at each pixel.

    Training takes three products in place of one, its gradients being two more; the image itself needs none.
    """
    height, width = model.domain.shape[1:]
    layers = [layer for layer in model.modules() if isinstance(layer, MaskedConv2d)]
    once, first = sum(int(layer.mask.sum()) for layer in layers), int(model.first.mask.sum())
    return height * width * (3 * once - first if training else once)
