"""Tables of made-up people whose columns depend on each other, for tests of imputation."""

from __future__ import annotations

import numpy as np
import pandas as pd

WORDS = np.array(["a", "a longer word", "?"])


def make_people(n: int, seed: int = 0) -> pd.DataFrame:
    """Return a table where `word` determines `other` and `exact`, and `number` is about 10 times the word's index."""
    rng = np.random.default_rng(seed)
    code = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "number": 10 * code + rng.normal(size=n),
            "word": WORDS[code],
            "exact": 2.0 * code,
            "other": np.array(["no", "yes", "perhaps"])[code],
        }
    )
