"""The splits that a run trains on, validates on and records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule.data import Data, Split, as_split
from chainrule.errors import ChainruleError
from chainrule.models import AutoregressiveModel, observed_mask

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TrainingData:
    """The splits of a run, and their description for its configuration."""

    train: Split
    valid: Split | None
    test: Split | None

    def describe(self) -> dict[str, Any]:
        """Return how `load_data` prepared the data, if it did, and a digest of each split."""
        splits = {"train": self.train, "valid": self.valid, "test": self.test}
        digests = {name: split.digest for name, split in splits.items() if split is not None}
        recipe = self.train.preprocessing
        return {"preprocessing": None if recipe is None else recipe.to_dict(), "digests": digests}

    def fingerprints(self) -> dict[str, Tensor]:
        """Return the fingerprints of the training and the validation data, by which a datum is recognized later."""
        splits = {"train": self.train, "valid": self.valid}
        return {name: split.fingerprints() for name, split in splits.items() if split is not None}

    def check(self, model: AutoregressiveModel) -> None:
        """Check that the model can be trained on the data.

        Raises:
            ChainruleError: data outside the domain, missing values that the model does not take, or an empty split.
        """
        for name, split in {"training": self.train, "validation": self.valid}.items():
            if split is None:
                continue
            try:
                _check_values(model, split.values())
            except ChainruleError as error:
                raise ChainruleError(f"the {name} data do not fit the model: {error}") from None
            if len(split) == 0:
                raise ChainruleError(f"there are no {name} data; give at least one datum")


def as_training_data(
    model: AutoregressiveModel,
    train: Tensor | np.ndarray | pd.DataFrame | Split | Data,
    valid: Tensor | np.ndarray | pd.DataFrame | Split | None,
) -> TrainingData:
    """Return the splits of what `fit` was given.

    Raises:
        ChainruleError: a data set of another domain, one without a training split, or one with `valid` beside it.
    """
    if not isinstance(train, Data):
        domain = model.domain
        return TrainingData(as_split(train, domain), None if valid is None else as_split(valid, domain), None)
    if valid is not None:
        raise ChainruleError("a data set has its own validation split; to use another, give data.train and that one")
    if train.train is None:
        raise ChainruleError(f"{train.source} has no training split")
    if train.domain != model.domain:
        raise ChainruleError(
            f"the data are of {train.domain}, and the model is of {model.domain}; make one for the data"
        )
    return TrainingData(train.train, train.valid, train.test)


def _check_values(model: AutoregressiveModel, x: Tensor) -> None:
    """Raise ChainruleError for values outside the domain, or for missing values that the model does not take."""
    known = observed_mask(x)
    model.domain.check(torch.where(known.view(x.shape), x, torch.zeros_like(x)))
    patterns = torch.unique(known[~known.all(1)], dim=0)
    if not all(model.trains_on(pattern) for pattern in patterns):
        raise model.missing_values_error()
