"""MADE as a density of discretised rows, and as an imputer of the rows themselves."""

from __future__ import annotations

from typing import TypedDict

import pandas as pd
import torch
from sklearn_imputers import ImputationTask
from table_densities import Codes, Floats

import chainrule as cr
from chainrule.data import infer_table, measure_columns, to_frame, to_rows
from chainrule.inference import compute_log_probs


class TrainingSettings(TypedDict):
    """The arguments of `cr.fit` that the models here share."""

    epochs: int
    lr: float
    weight_decay: float
    progress: bool


MODELS = 4
"""The number of models in the ensemble, each with an order of its own."""
DENSITY_TRAINING: TrainingSettings = {"epochs": 15, "lr": 3e-3, "weight_decay": 0.1, "progress": False}
IMPUTER_TRAINING: TrainingSettings = {"epochs": 12, "lr": 3e-3, "weight_decay": 0.1, "progress": False}
DRAWS = 100
"""The number of draws of which the mean is filled in."""


def score_one_order(train: Codes, valid: Codes, test: Codes, levels: list[int]) -> Floats:
    """Return log p of the test rows under one MADE, [n] nats; the validation rows choose its epoch."""
    model = train_made(make_table(levels), train, valid, seed=0)
    return log_probs(model, test)


def score_several_orders(train: Codes, valid: Codes, test: Codes, levels: list[int]) -> Floats:
    """Return log p of the test rows under an ensemble of MADEs of several orders, [n] nats."""
    table = make_table(levels)
    return log_probs(cr.Ensemble([train_made(table, train, valid, seed) for seed in range(MODELS)]), test)


def train_made(table: cr.Table, train: Codes, valid: Codes, seed: int) -> cr.MADE:
    """Return a trained MADE: of the columns' own order for seed 0, else of a random order."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(table.sites, generator=generator).tolist() if seed else None
    model = cr.MADE(table, hidden=(100,), direct_connections=True, order=order, seed=seed)
    cr.fit(model, as_rows(train), as_rows(valid), seed=seed, **DENSITY_TRAINING)
    return model


def log_probs(model: cr.Density, codes: Codes) -> Floats:
    """Return log p of each row, [n] nats."""
    return compute_log_probs(model, as_rows(codes)).numpy()


def make_table(levels: list[int]) -> cr.Table:
    """Return the domain of codes with these numbers of levels."""
    return cr.Table([cr.Column(f"x{site}", "categorical", tuple(range(count))) for site, count in enumerate(levels)])


def as_rows(codes: Codes) -> torch.Tensor:
    """Return codes as rows of a table, float64 [n, D]; a missing code, -1, becomes NaN."""
    rows = torch.from_numpy(codes).double()
    return rows.where(rows >= 0, torch.nan)


def impute_mean_of_draws(task: ImputationTask) -> pd.DataFrame:
    """Fill the rows by an order-agnostic MADE, with the mean of a number and the most likely category."""
    table, _ = infer_table(pd.concat([task.train, task.valid, task.incomplete]))
    train, valid, rows = (to_rows(frame, table).values for frame in task)
    model = cr.MADE(measure_columns(table, train), hidden=(500,), agnostic="order")
    cr.fit(model, train, valid, **IMPUTER_TRAINING)
    imputation = cr.impute(model, rows.nan_to_num(), ~rows.isnan(), n=DRAWS, batch_size=4096)
    filled = to_frame(imputation.mean(), table)
    return filled.set_index(task.incomplete.index).astype(task.incomplete.dtypes)
