"""Print a digest of each of a fixed list of draws: `python benchmarks/draws.py`.

It compares two commits on one machine. Run it at both of them, and compare what it prints:

    $ python benchmarks/draws.py > before.txt
    $ python benchmarks/draws.py > after.txt
    $ diff before.txt after.txt

A change that keeps the arithmetic and its order keeps every draw bit for bit, and so every digest. On another machine,
or with another version of torch, draws may differ. With `--no-numba` MADE draws without its compiled loop.
"""

from __future__ import annotations

import argparse
import copy
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256

import torch
from plain_pytorch import perturb_weights
from torch import Tensor

import chainrule as cr
from chainrule.domains import SIDES, Domain, shuffled
from chainrule.inference import compute_log_probs

Draw = Callable[[], Tensor | cr.Imputation]

ROW, SQUARE, IMAGE = cr.Binary((5,)), cr.Binary((1, 4, 4)), cr.Binary((1, 7, 6))
LEVELS, COLOUR = cr.Levels((2, 3), 5), cr.Levels((3, 4, 5), 8)
STEPS = range(32)
TABLE = cr.Table(
    [
        cr.Column("size", "real", resolution=0.01, quantiles=tuple((k / 8 - 2) ** 3 for k in STEPS)),
        cr.Column("weather", "categorical", ("dry", "rain", "snow")),
        cr.Column("age", "count", quantiles=tuple(2.0 * k for k in STEPS)),
        cr.Column("late", "binary", (False, True)),
        cr.Column("change", "integer", quantiles=tuple(k - 20.0 for k in STEPS)),
    ]
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--no-numba", action="store_true", help="draw without MADE's compiled loop")
    if parser.parse_args().no_numba:
        sys.modules["numba"] = None  # type: ignore[assignment]  # so that it cannot be imported
    torch.set_num_threads(1)  # sums do not depend on the number of cores
    warnings.simplefilter("ignore", cr.CollapseWarning)
    total = sha256()
    for name, model in make_models().items():
        for draw_name, draw in list_draws(model):
            line = f"{digest(draw):16}  {name}: {draw_name}"
            total.update(line.encode())
            print(line, flush=True)
    print(f"{total.hexdigest()[:16]}  all")


def make_models() -> dict[str, cr.Density]:
    """Return small models of every family, order, domain and option, by name."""
    models: dict[str, cr.Density] = {**make_flat_models(), **make_image_models()}
    for model in models.values():
        perturb_weights(model)
    return {**models, **make_ensembles()}


def make_flat_models() -> dict[str, cr.AutoregressiveModel]:
    """Return models of independent sites, and MADEs."""
    flat = cr.Binary((8,))
    return {
        "independent": cr.Independent(cr.Levels((1, 3, 4), 5)),
        "independent, table": cr.Independent(TABLE),
        "made": cr.MADE(IMAGE, (40, 40)),
        "made, direct connections, shuffled": cr.MADE(IMAGE, (30,), direct_connections=True, order=shuffled(IMAGE)),
        "made, 7 levels": cr.MADE(cr.Levels((9,), 7), (20, 20, 20)),
        "made, 256 levels": cr.MADE(cr.Levels((1, 3, 3), 256), (16,)),
        "made, wide": cr.MADE(cr.Binary((1, 12, 12)), (300, 300)),
        "made, no hidden layer": cr.MADE(ROW, (), direct_connections=True),
        "made, all orders": cr.MADE(SQUARE, (30,), agnostic="both"),
        "made, a member": cr.MADE(SQUARE, (30,), agnostic="both").member(range(15, -1, -1), seed=5),
        "made, 4 orders": cr.MADE(flat, (30,), agnostic="order", num_masks=4),
        "made, connectivities": cr.MADE(flat, (30,), agnostic="connectivity"),
        "made, table, all orders": cr.MADE(TABLE, (24,), agnostic="order"),
        "made, table": cr.MADE(TABLE, (20, 20), direct_connections=True, order=(4, 2, 0, 1, 3)),
    }


def make_image_models() -> dict[str, cr.AutoregressiveModel]:
    """Return PixelCNNs and PixelRNNs."""
    cnn, row, diagonal = cr.PixelCNN, partial(cr.PixelRNN, cell="row"), partial(cr.PixelRNN, cell="diagonal")
    full = partial(diagonal, layers=2, full_context=True)
    return {
        "pixelcnn": cnn(IMAGE, blocks=3, features=6),
        "pixelcnn, position bias, bottom": cnn(IMAGE, blocks=2, features=6, position_bias=True, order="bottom"),
        "pixelcnn, 17 levels, left": cnn(cr.Levels((1, 5, 4), 17), blocks=2, features=6, order="left"),
        "pixelcnn, colour": cnn(COLOUR, blocks=2, features=9),
        "pixelcnn, no blocks": cnn(IMAGE, blocks=0, features=3),
        "row lstm": row(IMAGE, layers=2, features=5),
        "row lstm, colour, skip": row(COLOUR, layers=2, features=6, skip=True, residual=False),
        "diagonal bilstm": diagonal(IMAGE, layers=2, features=5),
        "diagonal bilstm, full context, position bias": full(IMAGE, features=5, position_bias=True),
        "diagonal bilstm, colour, full context, skip, right": full(COLOUR, features=6, skip=True, order="right"),
    }


def make_ensembles() -> dict[str, cr.Density]:
    """Return ensembles of members of a family, of models of different orders, and of ensembles."""
    both, few = cr.MADE(SQUARE, (30,), agnostic="both"), cr.MADE(LEVELS, (20,), agnostic="order", num_masks=3)
    columns, links = cr.MADE(TABLE, (9,), agnostic="both"), cr.MADE(ROW, (9,), agnostic="connectivity")
    orders, independent, by_column = cr.MADE(ROW, (7,), agnostic="order"), cr.Independent(ROW), cr.Independent(TABLE)
    sides = [cr.PixelCNN(IMAGE, blocks=1, features=4, order=side, seed=seed) for seed, side in enumerate(SIDES)]
    for model in (both, few, columns, links, orders, independent, by_column, *sides):
        perturb_weights(model)
    return {
        "ensemble of members": cr.Ensemble(both.members(4)),
        "ensemble of 3 orders": cr.Ensemble(few.members(3)),
        "ensemble of sides": cr.Ensemble(sides),
        "ensemble of an ensemble": cr.Ensemble([independent, cr.Ensemble(links.members(3)), orders]),
        "ensemble, table": cr.Ensemble([by_column, *columns.members(2)]),
    }


def list_draws(model: cr.Density) -> Iterator[tuple[str, Draw]]:
    """Yield the name of each draw, and a function that draws it."""
    x = cr.sample(model, 7, seed=1)
    yield from list_samples(model)
    for name, evidence in evidence_patterns(model.domain).items():
        yield from list_completions(model, x[:3], evidence, name)
    evidence = draw_mask((6, *model.domain.shape), 0.6)
    impute = partial(cr.impute, model, x[:6], evidence, n=5, seed=6, particles=50, batch_size=4)
    yield "impute, evidence by datum", impute
    yield "mean", lambda: impute().mean()
    yield "most likely", lambda: impute().most_likely()
    yield "log p", partial(compute_log_probs, model, x)
    if isinstance(model.domain, cr.Table):
        incomplete = torch.where(evidence, x[:6], torch.nan)
        yield "log p, missing values", partial(compute_log_probs, model, incomplete)
        if model.has_members:
            yield "log p, missing values, 2 members", partial(compute_log_probs, model, incomplete, members=2)


def list_samples(model: cr.Density) -> Iterator[tuple[str, Draw]]:
    """Yield samples of several sizes, temperatures and precisions."""
    yield "sample", partial(cr.sample, model, 7, seed=1)
    yield "sample, small batches", partial(cr.sample, model, 7, seed=1, batch_size=3)
    yield "sample, many", lambda: cr.sample(model, 70, seed=torch.Generator().manual_seed(5))
    for temperature in (0.5, 1.7):
        yield f"sample, temperature {temperature}", partial(cr.sample, model, 5, seed=2, temperature=temperature)
    yield "sample, float64", lambda: cr.sample(copy.deepcopy(model).double(), 4, seed=3)


def list_completions(model: cr.Density, x: Tensor, evidence: Tensor, pattern: str) -> Iterator[tuple[str, Draw]]:
    """Yield completions and imputations of the same evidence for all data."""
    complete = partial(cr.complete, model, x, evidence, n=3, seed=4, particles=40)
    yield f"complete, {pattern}", complete
    yield f"complete, {pattern}, temperature 0.6", partial(complete, temperature=0.6)
    if model.has_members:
        yield f"complete, {pattern}, 2 members", partial(complete, members=2)
    yield f"impute, {pattern}", partial(cr.impute, model, x, evidence, n=4, seed=5, particles=40)


def evidence_patterns(domain: Domain) -> dict[str, Tensor]:
    """Return evidence that is a prefix of the order of some models, and evidence that is not: bool [*shape]."""
    nothing, index = torch.zeros(domain.shape, dtype=torch.bool), torch.arange(domain.sites).view(domain.shape)
    patterns = {"nothing": nothing, "everything": ~nothing, "random": draw_mask(domain.shape, 0.5)}
    patterns |= {"first half": index < domain.sites // 2, "last site": index == domain.sites - 1}
    if domain.is_image:
        _, height, width = domain.shape
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        patterns |= {"top": (rows < height // 2) | nothing, "left": (columns < width // 2) | nothing}
    return patterns


def draw_mask(shape: tuple[int, ...], share: float) -> Tensor:
    """Return a random mask, bool [*shape], True at this share of its entries on average."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(3)) < share


def digest(draw: Draw) -> str:
    """Return a digest of the types, shapes and values of a draw; of an error, its name."""
    try:
        drawn = draw()
    except cr.ChainruleError:
        return "ChainruleError"
    values = {"draw": drawn} if isinstance(drawn, Tensor) else vars(drawn)
    hashed = sha256()
    for name, value in sorted(values.items()):
        if isinstance(value, Tensor):
            hashed.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            hashed.update(value.contiguous().numpy().tobytes())
    return hashed.hexdigest()[:16]


if __name__ == "__main__":
    main()
