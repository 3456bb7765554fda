"""Atomic writes: a reader, or a crash, sees the old contents or the new ones, never a part of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.errors import ChainruleError

PARTIAL_PREFIX = ".part-"
"""The start of the names of files that are still being written; a killed process leaves them behind."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write a file to; the file replaces `path` when the block ends without an error.

    Raises:
        ChainruleError: the folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, suffix=f"-{path.name}", dir=path.parent)
    except (OSError, ValueError) as error:
        raise write_error(path, error) from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())  # mkstemp keeps its files private
        _flush(part)
        part.replace(path)
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; it becomes `path` when the block ends without an error.

    Raises:
        ChainruleError: `path` exists and is not an empty folder, or it cannot be written.
    """
    refuse_existing(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, suffix=f"-{path.name}", dir=path.parent))
    except (OSError, ValueError) as error:
        raise write_error(path, error) from None
    try:
        yield part
        part.chmod(0o777 & ~_umask())
        for file in part.iterdir():
            _flush(file)
        part.replace(path)
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_existing(path: Path) -> None:
    """Check that `path` is free: that nothing, or an empty folder, is there.

    Raises:
        ChainruleError: a file or a folder with contents is there, or `path` is no possible name.
    """
    try:
        taken = any(path.iterdir()) if path.is_dir() else path.exists() or path.is_symlink()
    except (OSError, ValueError) as error:  # a name too long, or with a null byte
        raise write_error(path, error) from None
    if taken:
        raise ChainruleError(f"{path} exists and would be overwritten; choose another name or remove it first")


def remove_partial_writes(folder: Path) -> None:
    """Remove the files and folders that a killed process left half written in `folder`, which need not exist."""
    for part in folder.glob(f"{PARTIAL_PREFIX}*"):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def write_error(path: Path, error: Exception) -> ChainruleError:
    """Return the error to raise when `path` cannot be written."""
    if "\0" in str(path):
        reason = "its name has a null byte"  # in our words, since Python's change with its version
    elif isinstance(error, FileExistsError):
        reason = "its folder is a file"
    else:
        reason = getattr(error, "strerror", None) or str(error)
    return ChainruleError(f"{path} cannot be written ({reason}); choose another place")


def _flush(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
