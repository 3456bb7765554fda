"""Array files: .npz, .npy and idx, plain or gzipped. Nothing pickled is ever loaded."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np

from chainrule.data.raw import Array, Raw, split_names, unreadable
from chainrule.data.splits import ALIASES, WHOLE
from chainrule.errors import ChainruleError

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_npz(path: Path) -> Raw:
    """The arrays train, valid and test of an archive, as many as it has, or its only array; labels are passed over.

    Raises:
        ChainruleError: unreadable, pickled, or arrays of which it is not clear what they are.
    """
    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            labels = [name for name in archive.files if name == "labels" or name.endswith("_labels")]
            names = array_names([name for name in archive.files if name not in labels], path)
            arrays = {split: np.asarray(archive[name]) for name, split in names.items()}
    except ChainruleError:
        raise
    except Exception as error:
        raise unreadable(path, error) from error
    return Raw(arrays, notes=(f"arrays not read: {', '.join(labels)}",) if labels else ())


def array_names(names: list[str], path: Path) -> dict[str, str]:
    """From an archive's arrays to splits, or of the only array to WHOLE."""
    if names and set(names) <= set(ALIASES):
        return split_names(names, str(path))
    if len(names) == 1:
        return {names[0]: WHOLE}
    found = f"the arrays {', '.join(names)}" if names else "no array of data"
    raise ChainruleError(f"{path} has {found}; name the data train, valid and test, or keep a single array")


def read_npy(path: Path) -> Raw:
    """The one array of a file.

    Raises:
        ChainruleError: unreadable or pickled.
    """
    try:
        with path.open("rb") as file:
            return Raw({WHOLE: np.lib.format.read_array(file, allow_pickle=False)})
    except Exception as error:
        raise unreadable(path, error) from error


def read_idx(path: Path) -> Raw:
    """The one array of an idx file, the format of MNIST: a type, the sizes, and the values, all big-endian.

    Raises:
        ChainruleError: unreadable, or of another length than its header says.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = file.read()
    except Exception as error:
        raise unreadable(path, error) from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise ChainruleError(f"{path} does not begin as idx files do; give a file such as train-images-idx3-ubyte.gz")
    kind, header = np.dtype(IDX_TYPES[content[2]]), 4 + 4 * content[3]
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, header, 4)]
    expected = header + kind.itemsize * math.prod(shape)
    if len(content) != expected:
        raise ChainruleError(f"{path} has {len(content)} bytes where its header says {expected}; it may be cut short")
    if not 2 <= len(shape) <= 4:
        raise ChainruleError(f"{path} has {len(shape)} axes, and images 3 or 4 (labels 1); give the file of images")
    array: Array = np.frombuffer(content, kind, offset=header).reshape(shape)
    return Raw({WHOLE: array})
