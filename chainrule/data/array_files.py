"""Readers of array files: .npz, .npy and idx, plain or gzipped. Pickled objects are never loaded."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np

from chainrule.data.raw import Array, RawData, match_splits, read_error
from chainrule.data.splits import SPLIT_ALIASES, UNSPLIT
from chainrule.errors import ChainruleError

IDX_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_npz(path: Path) -> RawData:
    """Read the arrays train, valid and test of an archive, those that it has, or its only array; ignore labels.

    Raises:
        ChainruleError: an unreadable or pickled file, or arrays with other names.
    """
    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            labels = [name for name in archive.files if name == "labels" or name.endswith("_labels")]
            names = match_arrays([name for name in archive.files if name not in labels], path)
            arrays = {split: np.asarray(archive[name]) for name, split in names.items()}
    except ChainruleError:
        raise
    except Exception as error:
        raise read_error(path, error) from error
    return RawData(arrays, messages=(f"arrays not read: {', '.join(labels)}",) if labels else ())


def match_arrays(names: list[str], path: Path) -> dict[str, str]:
    """Map the names of the arrays of an archive to splits, or the only array to UNSPLIT.

    Raises:
        ChainruleError: several arrays with other names, or none.
    """
    if names and set(names) <= set(SPLIT_ALIASES):
        return match_splits(names, str(path))
    if len(names) == 1:
        return {names[0]: UNSPLIT}
    found = f"the arrays {', '.join(names)}" if names else "no array of data"
    raise ChainruleError(f"{path} has {found}; name the data train, valid and test, or keep a single array")


def read_npy(path: Path) -> RawData:
    """Read the array of an .npy file.

    Raises:
        ChainruleError: an unreadable or pickled file.
    """
    try:
        with path.open("rb") as file:
            return RawData({UNSPLIT: np.lib.format.read_array(file, allow_pickle=False)})
    except Exception as error:
        raise read_error(path, error) from error


def read_idx(path: Path) -> RawData:
    """Read the array of an idx file, the format of MNIST: a type, the sizes, and the values, all big-endian.

    Raises:
        ChainruleError: an unreadable file, one of another length than its header says, or one of labels.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = file.read()
    except Exception as error:
        raise read_error(path, error) from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_DTYPES:
        raise ChainruleError(f"{path} does not begin as idx files do; give a file such as train-images-idx3-ubyte.gz")
    dtype, header_size = np.dtype(IDX_DTYPES[content[2]]), 4 + 4 * content[3]
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, header_size, 4)]
    expected = header_size + dtype.itemsize * math.prod(shape)
    if len(content) != expected:
        raise ChainruleError(f"{path} has {len(content)} bytes where its header says {expected}; it may be cut short")
    if not 2 <= len(shape) <= 4:
        raise ChainruleError(f"{path} has {len(shape)} axes, and images 3 or 4 (labels 1); give the file of images")
    array: Array = np.frombuffer(content, dtype, offset=header_size).reshape(shape)
    return RawData({UNSPLIT: array})
