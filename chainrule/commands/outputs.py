"""The files that commands write: checked before any work, and written whole or not at all."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from chainrule.domains import Domain, Table
from chainrule.errors import ChainruleError
from chainrule.files import atomic_write, refuse_existing

if TYPE_CHECKING:
    import pandas as pd

TABLE_ENDINGS = (".csv", ".parquet")
"""The endings of the files that tables are written to."""


def check_output(out: Path, domain: Domain, endings: tuple[str, ...]) -> None:
    """Raise ChainruleError for a file that exists, or whose ending is not one that these data can be written as.

    Args:
        endings: of data that are not tables.
    """
    check_new_file(out, TABLE_ENDINGS if isinstance(domain, Table) else endings)
    if out.suffix == ".png" and not (domain.is_image and domain.shape[0] in (1, 3)):
        raise ChainruleError(
            f"{out}: data of shape {list(domain.shape)} are no images of 1 or 3 channels; write {endings[-1]}"
        )


def check_new_file(out: Path, endings: tuple[str, ...]) -> None:
    """Raise ChainruleError for a file that exists, has another ending, or needs a package that is not installed."""
    refuse_existing(out)
    if out.is_dir():
        raise ChainruleError(f"{out} is a folder; give the name of a file in it")
    if out.suffix not in endings:
        raise ChainruleError(f"{out}: the ending says what is written, and must be {' or '.join(endings)}")
    if out.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise ChainruleError(f"{out}: Parquet needs pyarrow; install chainrule[parquet], or write .csv")


def write_data(out: Path, x: Tensor, domain: Domain) -> None:
    """Write images or rows of levels as a picture, an .npy file, or an .npz file."""
    if out.suffix == ".png":
        from chainrule.figures import image_grid, save_image  # imports matplotlib, which is slow and seldom needed

        save_image(image_grid(x, domain), out)
    elif out.suffix == ".npy":
        with atomic_write(out) as part, part.open("wb") as file:
            np.save(file, x.to(torch.uint8).numpy())
    else:
        write_arrays(out, samples=x)


def write_arrays(out: Path, **arrays: Tensor) -> None:
    """Write named arrays of bytes, which hold every level, to an .npz file."""
    contents: dict[str, Any] = {name: x.to(torch.uint8).numpy() for name, x in arrays.items()}
    with atomic_write(out) as part, part.open("wb") as file:
        np.savez_compressed(file, **contents)


def write_frame(out: Path | None, frame: pd.DataFrame) -> None:
    """Write a frame as a new file, .csv or .parquet, or as CSV on standard output where `out` is None."""
    if out is None:
        frame.to_csv(sys.stdout, index=False)
        return
    with atomic_write(out) as part:
        if out.suffix == ".parquet":
            frame.to_parquet(part, index=False)
        else:
            frame.to_csv(part, index=False)
