"""The programs that `speed.py` times: plain PyTorch and chainrule, each prepared in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from plain_made import PlainMADE
from plain_pixelcnn import PlainPixelCNN
from plain_pixelrnn import plain_logits
from plain_pytorch import PlainModel, log_prob, naive_sample, perturb_weights, train_step
from speed_cases import Baseline, Case, Model
from timing import Work
from torch import Tensor

import chainrule as cr
from chainrule.data import as_split
from chainrule.hardware import keep_freed_memory
from chainrule.seeding import site_noise
from chainrule.training import ProcessGroup, Settings, Trainer

SEED = 0
STEPS = 5
"""The number of training steps that are timed together."""
PASSES = 8
"""The number of passes of the naive loop that are timed where all of them would take too long."""

# The parts of both programs.


def make_model(case: Case) -> Model:
    """Return the model with perturbed weights, so that no layer is zero."""
    model = case.make()
    perturb_weights(model)
    return model


def make_plain_model(model: Model) -> PlainModel:
    """Return the same function of the same weights in plain PyTorch."""
    if isinstance(model, cr.PixelRNN):
        return partial(plain_logits, model)
    return PlainMADE(model) if isinstance(model, cr.MADE) else PlainPixelCNN(model)


def make_noise(case: Case, model: Model) -> Tensor:
    """Return the uniform numbers that `cr.sample` draws with, float64 [n, D]."""
    return site_noise(SEED, [(datum, 0) for datum in range(case.n)], model.domain.sites)


def make_images(model: Model, n: int) -> Tensor:
    """Return random images [n, C, H, W]."""
    return model.domain.random_data(n, torch.Generator().manual_seed(SEED)).float()


# Plain PyTorch.


def plain_sampling(case: Case) -> Work:
    """Return the work of the naive loop, which returns the images."""
    model = make_model(case)
    sample = partial(naive_sample, make_plain_model(model), model.domain.shape, make_noise(case, model))
    sample(passes=PASSES)  # all passes would take minutes
    return lambda: sample().numpy()


def plain_sampling_in_part(case: Case) -> Work:
    """Return the work of the first passes of the naive loop. All passes take the same time."""
    model = make_model(case)
    sample = partial(naive_sample, make_plain_model(model), model.domain.shape, make_noise(case, model), PASSES)
    sample()
    return lambda: sample().numpy()


def plain_pass(case: Case) -> Work:
    """Return the work of one parallel pass."""
    model = make_model(case)
    plain, x = make_plain_model(model), make_images(model, case.n)

    def work() -> None:
        with torch.no_grad():
            plain(x)

    work()
    return work


def plain_training(case: Case) -> Work:
    """Return the work of training steps with AdamW; where the model is agnostic, each step has new masks."""
    model = make_model(case)
    plain = make_plain_model(model)
    assert isinstance(plain, PlainPixelCNN | PlainMADE)
    x, optimiser = make_images(model, case.n), torch.optim.AdamW(plain.parameters())

    def compute_nll() -> Tensor:
        if isinstance(model, cr.MADE) and isinstance(plain, PlainMADE) and model.agnostic:
            plain.draw_masks()
        return -log_prob(plain(x), x)

    def work() -> None:
        for _ in range(STEPS):
            train_step(optimiser, compute_nll)

    work()
    return work


# chainrule.


def chainrule_sampling(case: Case) -> Work:
    """Return the work of `cr.sample`, which returns the images."""
    model = make_model(case)

    def work() -> np.ndarray:
        return cr.sample(model, case.n, seed=SEED).numpy()

    work()
    return work


def chainrule_training(case: Case) -> Work:
    """Return the work of updates as in `cr.fit`, which returns their precision.

    An update also clips the gradient, checks it for NaN, and averages the weights.
    """
    keep_freed_memory()  # as `fit` does
    model = make_model(case)
    settings = Settings(batch_size=case.n, updates=10**6, precision=case.precision)
    data = as_split(make_images(model, case.n), model.domain)
    trainer = Trainer(model, settings, data, None, ProcessGroup())

    def work() -> str:
        for _ in range(STEPS):
            trainer.update(data.values())
        return trainer.settings.precision

    work()
    return work


PROGRAMS: dict[Baseline, tuple[Callable[[Case], Work], Callable[[Case], Work]]] = {
    "naive loop": (plain_sampling, chainrule_sampling),
    "one pass": (plain_pass, chainrule_sampling),
    "training step": (plain_training, chainrule_training),
}
"""The setups of plain PyTorch and of chainrule, by the baseline of a case."""

# Memory, and the speed of the machine.


def peak_memory_of_sampling(case: Case) -> Work:
    """Return the work of the first draw of a new process, which returns the rise of its peak memory in bytes."""
    model = make_model(case)

    def work() -> int:
        before = read_peak_memory()
        cr.sample(model, case.n, seed=SEED)
        return read_peak_memory() - before

    return work


def read_peak_memory() -> int:
    """Return the largest amount of memory that this process has held, in bytes (Linux).

    `getrusage` would not do: there, a new process begins with the peak of the process that started it.
    """
    (kilobytes,) = re.findall(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * int(kilobytes)


def matrix_product(size: int) -> Work:
    """Return the work of one product of two square matrices in float32."""
    a, b = torch.randn(2, size, size, generator=torch.Generator().manual_seed(SEED))

    def work() -> None:
        torch.mm(a, b)

    work()
    return work
