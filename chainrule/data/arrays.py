"""Conversion of arrays to batches of whole numbers: their layout, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chainrule.data.raw import Array
from chainrule.data.splits import Split, describe_split
from chainrule.domains import Domain, Table
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    import pandas as pd

GRAY_MAX = 255
CHANNELS, RGBA = (1, 3), 4


def as_split(x: Tensor | Array | pd.DataFrame | Split, domain: Domain | None = None) -> Split:
    """Return data as a split: a split itself, a tensor or an array [n, *shape] once its values are checked.

    Bytes are not copied. For a table, x may be a DataFrame, and values are floats, NaN for a missing value.

    Args:
        x: the data; their shape is taken as it is.
        domain: of the data, if it is known; a table needs it.

    Raises:
        ChainruleError: no tensor or array; no data; values other than whole numbers from 0 to 255, or other values
            than those of the table.

    Example:
        >>> as_split(np.array([[0.0, 1.0], [1.0, 1.0]])).values().tolist()
        [[0, 1], [1, 1]]
    """
    if isinstance(x, Split):
        return x
    if isinstance(domain, Table):
        from chainrule.data.rows import as_rows  # imports pandas, which images do not need

        return Split(as_rows(x, domain))
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        x = (x.float() if x.dtype == torch.bfloat16 else x).numpy()  # numpy has no bfloat16
    if not isinstance(x, np.ndarray):
        raise ChainruleError(f"data must be a tensor, an array or a split, not {type(x).__name__}")
    check_not_empty(x, "the data")
    if x.ndim < 2:
        raise ChainruleError(f"data must have the shape [n, …], one datum a row, not {list(x.shape)}; reshape it")
    check_range(x, "the data")
    if (datum := find_fraction(x)) is not None:
        raise ChainruleError(
            f"the data has fractional values, first in datum {datum}; make them whole numbers "
            "first (load_data reads gray values in [0, 1] from files, with binarize or levels)"
        )
    return Split(as_bytes(x))


def check_not_empty(array: Array, where: str) -> None:
    """Check that an array has data, and that data have sites.

    Raises:
        ChainruleError: it has none.
    """
    if array.size == 0:
        raise ChainruleError(f"{where} is empty (shape {list(array.shape)}); give at least one datum")


def check_range(array: Array, where: str) -> None:
    """Check that all values are numbers from 0 to 255.

    Raises:
        ChainruleError: other values, such as NaN or strings.
    """
    if array.dtype.kind not in "biuf":
        raise ChainruleError(f"{where} has values of type {array.dtype}; save whole numbers from 0 to {GRAY_MAX}")
    low, high = array.min(), array.max()  # a NaN anywhere makes both NaN
    if np.isnan(low):
        datum = _first_datum(np.isnan(array))
        raise ChainruleError(f"{where} has missing values (NaN), first in datum {datum}; fill or drop them first")
    if low < 0 or high > GRAY_MAX:
        raise ChainruleError(
            f"{where} has values from {low:g} to {high:g}, first out of range in datum "
            f"{_first_datum((array < 0) | (array > GRAY_MAX))}; rescale to whole numbers from 0 to {GRAY_MAX}"
        )


def find_fraction(array: Array) -> int | None:
    """Return the index of the first datum with a fractional value; None if all values are whole."""
    if array.dtype.kind != "f":
        return None
    fractional = array != np.rint(array)
    return _first_datum(fractional) if fractional.any() else None


def _first_datum(mask: NDArray[np.bool_]) -> int:
    """Return the index of the first datum with a True in the mask [n, ...]."""
    return int(np.argmax(mask.reshape(len(mask), -1).any(1)))


def as_bytes(array: Array) -> Tensor:
    """Return whole numbers from 0 to 255 as a uint8 tensor; bytes in C order are not copied."""
    return torch.from_numpy(np.require(array.astype(np.uint8, copy=False), requirements=["C", "W"]))


def to_gray(arrays: Mapping[str, Array], source: object, *, quantises: bool) -> tuple[dict[str, Tensor], list[str]]:
    """Convert the arrays of all splits to bytes in the same way: whole numbers as they are, or fractions in [0, 1].

    Args:
        arrays: by split.
        source: for messages.
        quantises: whether the values will be binarized or quantised, so that fractions may stand for gray values.

    Returns:
        uint8 tensors of the same shapes, and messages about the conversion.

    Raises:
        ChainruleError: other values, or fractions that will not be binarized or quantised.
    """
    for name, array in arrays.items():
        check_range(array, describe_split(source, name))
    fractions = {name: datum for name, array in arrays.items() if (datum := find_fraction(array)) is not None}
    if not fractions:
        return {name: as_bytes(array) for name, array in arrays.items()}, []
    name, datum = next(iter(fractions.items()))
    fault = f"{describe_split(source, name)} has fractional values, first in datum {datum}"
    high = max(float(array.max()) for array in arrays.values())
    if high > 1:
        raise ChainruleError(f"{fault}, and values up to {high:g}; make them whole numbers from 0 to {GRAY_MAX} first")
    if not quantises:
        raise ChainruleError(f"{fault}; to read them as gray values give binarize (as dynamic) or levels (as 256)")
    gray = {name: as_bytes(np.rint(array.astype(np.float64) * GRAY_MAX)) for name, array in arrays.items()}
    return gray, [f"fractions in [0, 1] were read as gray values: round({GRAY_MAX} · value)"]


def arrange(array: Array, where: str, shape: tuple[int, ...] | None = None) -> Array:
    """Return an array as [n, *shape]: rows [n, D] as they are, images channels first.

    Args:
        array: rows, or images [n, H, W], [n, H, W, C] or [n, C, H, W] with 1 or 3 channels.
        where: for messages.
        shape: of a datum, if it is known; rows may then be flattened images.

    Raises:
        ChainruleError: no data, a shape that fits none of these, or one that fits two.
    """
    check_not_empty(array, where)
    if shape is not None:
        return _arrange_as(array, where, shape)
    if array.ndim == 2:
        return array
    if array.ndim == 3:
        return array[:, None]
    if array.ndim != 4:
        raise ChainruleError(
            f"{where} has the shape {list(array.shape)}; "
            "reshape it to rows [n, D] or images [n, H, W], [n, H, W, C] or [n, C, H, W]"
        )
    channels_first, channels_last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
    if channels_first == channels_last:
        raise _no_channels(array, where, ambiguous=channels_first)
    return array if channels_first else np.moveaxis(array, 3, 1)


def _no_channels(array: Array, where: str, *, ambiguous: bool) -> ChainruleError:
    """Return the error to raise if no axis, or if two axes, of images [n, ?, ?, ?] could be the channels."""
    problem = "both the second and the last size could be" if ambiguous else "neither the second nor the last size is"
    remedy = "give domain, with a shape of (channels, height, width)"
    if not ambiguous and RGBA in (array.shape[1], array.shape[3]):
        remedy = "of RGBA images keep the first three channels"
    return ChainruleError(
        f"{where} has the shape {list(array.shape)}: {problem} a number of channels (1 or 3); {remedy}"
    )


def _arrange_as(array: Array, where: str, shape: tuple[int, ...]) -> Array:
    """Return the array as [n, *shape] if one of the layouts gives that; channels first are preferred."""
    layouts = [array]
    if array.ndim == 2 and array.shape[1] == np.prod(shape):
        layouts.append(array.reshape(-1, *shape))
    if array.ndim == 3:
        layouts.append(array[:, None])
    if array.ndim == 4:
        layouts.append(np.moveaxis(array, 3, 1))
    for layout in layouts:
        if layout.shape[1:] == shape:
            return layout
    raise ChainruleError(
        f"{where} has the shape {list(array.shape)}, and a datum of the domain has {list(shape)}; give data of that "
        "shape, or crop, pad or scale these to it"
    )
