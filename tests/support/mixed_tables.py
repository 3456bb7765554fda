"""Tables with columns of many types, arrays, and settings with which estimators are fitted to them quickly."""

from __future__ import annotations

import numpy as np
import pandas as pd

QUICK = {"hidden": (16,), "epochs": 3, "random_state": 0}
TRAINED = {"hidden": (32,), "epochs": 40, "lr": 2e-2, "random_state": 0}


def frame(n: int = 120) -> pd.DataFrame:
    """Return a frame with columns of many types; the other columns follow from the first."""
    which = np.random.RandomState(0).randint(3, size=n)
    found = pd.DataFrame(
        {
            "word": pd.Series(np.array(["dry", "rain", "snow"])[which], dtype="str"),
            "order": pd.Categorical.from_codes(which, ["low", "mid", "high", "never"], ordered=True),
            "flag": which > 1,
            "maybe": pd.array(which > 1, dtype="boolean"),
            "whole": 10 * which,
            "nullable": pd.array(which + 100, dtype="Int8"),
            "number": (which + np.random.RandomState(1).normal(size=n) / 10).astype("float32"),
        }
    )
    return found.set_axis(np.arange(n) % 7)


def with_gaps(x: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without one value of each row, but for some rows."""
    rows, columns = np.indices(x.shape)
    return x.mask(rows % (x.shape[1] + 1) == columns)


def line(n: int = 300, seed: int = 0) -> np.ndarray:
    """Return an array of two columns that nearly agree."""
    rng = np.random.RandomState(seed)
    return rng.normal(size=(n, 1)) + 0.1 * rng.normal(size=(n, 2))
