"""Frames with columns of many types, and with missing values."""

import numpy as np
import pandas as pd

PEOPLE = pd.DataFrame(
    {
        "age": [31, 42, 27, 42],
        "sex": ["f", "m", "f", None],
        "job": ["cook", None, "nurse", "smith"],
        "height": [1.71, 1.80, None, 1.65],
        "balance": [-3, 10, 0, 2],
    }
)

NULLABLE = {"flag": "boolean", "count": "Int64", "byte": "UInt8", "word": "string", "real": "Float64"}


def random_frame(seed, n=40):
    """Return a frame with a column of each type, some with missing values."""
    rng = np.random.default_rng(seed)
    words, sizes = np.array(["b", "a", "z z", 'say "c"', "d,e", "ü", "3"], dtype=object), ["low", "mid", "high"]
    columns = {
        "flag": rng.random(n) < 0.5,
        "bit": rng.integers(0, 2, n),
        "pair": rng.choice(["no", "yes"], n),
        "word": rng.choice(words, n),
        "size": pd.Categorical(rng.choice(sizes, n), sizes),
        "ordered": pd.Categorical(rng.choice(sizes, n), sizes, ordered=True),
        "grade": pd.Categorical(rng.integers(1, 4, n), [3, 1, 2, 4]),
        "count": rng.poisson(5, n),
        "byte": rng.integers(0, 256, n).astype(np.uint8),
        "integer": rng.integers(-50, 50, n),
        "real": rng.normal(size=n) * 10.0 ** rng.integers(-8, 8, n),
        "single": rng.normal(size=n).astype(np.float32),
        "always": np.full(n, "x"),
        "zero": np.zeros(n),
    }
    frame = pd.DataFrame(columns)
    gaps = {f"{name} or not": frame[name].mask(rng.random(n) < 0.3) for name in frame if name != "always"}
    nullable = {f"{name} or NA": gaps[f"{name} or not"].astype(dtype) for name, dtype in NULLABLE.items()}
    frame = pd.concat([frame, pd.DataFrame(gaps | nullable)], axis=1)
    return frame[rng.permutation(frame.columns)]
