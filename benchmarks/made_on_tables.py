"""Chainrule's MADE as a density of discretised rows, and as an imputer of the rows themselves."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from baselines import Codes, Floats
from imputers import Holed

import chainrule as cr
from chainrule.data import infer_table, measure_columns, to_frame, to_rows
from chainrule.inference import compute_log_probs

MODELS = 4
"""How many, each of an order of its own, the density averages over."""
DENSITY: dict[str, Any] = {"epochs": 15, "lr": 3e-3, "weight_decay": 0.1, "progress": False}
IMPUTER: dict[str, Any] = {"epochs": 12, "lr": 3e-3, "weight_decay": 0.1, "progress": False}
DRAWS = 100


def one_order(train: Codes, valid: Codes, test: Codes, levels: list[int]) -> Floats:
    """log p of the test rows under one MADE, [n] nats; the validation rows choose its epoch."""
    table, rows = table_of(levels), [as_rows(codes) for codes in (train, valid, test)]
    return scored(trained(table, rows, seed=0), rows[2])


def several_orders(train: Codes, valid: Codes, test: Codes, levels: list[int]) -> Floats:
    """The same under an ensemble of MADEs of random orders."""
    table, rows = table_of(levels), [as_rows(codes) for codes in (train, valid, test)]
    return scored(cr.Ensemble([trained(table, rows, seed) for seed in range(MODELS)]), rows[2])


def trained(table: cr.Table, rows: list[torch.Tensor], seed: int) -> cr.MADE:
    """A MADE of the columns' own order for seed 0, else of a random one."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(table.sites, generator=generator).tolist() if seed else None
    model = cr.MADE(table, hidden=(100,), direct_connections=True, order=order, seed=seed)
    cr.fit(model, rows[0], rows[1], seed=seed, **DENSITY)
    return model


def scored(model: cr.Density, rows: torch.Tensor) -> Floats:
    return compute_log_probs(model, rows).numpy()


def table_of(levels: list[int]) -> cr.Table:
    """Columns of so many levels."""
    return cr.Table([cr.Column(f"x{site}", "categorical", tuple(range(count))) for site, count in enumerate(levels)])


def as_rows(codes: Codes) -> torch.Tensor:
    """Codes as rows of a table; a missing one, -1, as NaN."""
    rows = torch.from_numpy(codes).double()
    return rows.where(rows >= 0, torch.nan)


def imputer(holed: Holed) -> pd.DataFrame:
    """The rows, filled by an order-agnostic MADE: the mean of a number, of categories the most likely."""
    table, _ = infer_table(pd.concat([holed.train, holed.valid, holed.rows]))
    train, valid, rows = (to_rows(frame, table).values for frame in holed)
    model = cr.MADE(measure_columns(table, train), hidden=(500,), agnostic="order")
    cr.fit(model, train, valid, **IMPUTER)
    found = cr.impute(model, rows.nan_to_num(), ~rows.isnan(), n=DRAWS, chunk=4096)
    return to_frame(cr.mean(found, model.domain), table).set_index(holed.rows.index).astype(holed.rows.dtypes)
