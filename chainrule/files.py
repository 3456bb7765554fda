"""Writing so that a reader, or a crash, sees the old or the new and never a part."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.errors import ChainruleError

PART = ".part-"
"""Begins the names of what is not written whole yet; a killed process leaves it behind."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file to; it takes the place of `path` when the block ends well.

    Raises:
        ChainruleError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PART, suffix=f"-{path.name}", dir=path.parent)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())  # mkstemp keeps its files private
        _flush(part)
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Gives a folder beside `path` to fill; it becomes `path`, unless that is in use, when the block ends well.

    Raises:
        ChainruleError: `path` is in use, or cannot be written.
    """
    refuse_existing(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=PART, suffix=f"-{path.name}", dir=path.parent))
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None
    try:
        yield part
        part.chmod(0o777 & ~_umask())
        for file in part.iterdir():
            _flush(file)
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_existing(path: Path) -> None:
    """Raises ChainruleError where something is at `path`, other than an empty folder, or where nothing can be."""
    try:
        taken = any(path.iterdir()) if path.is_dir() else path.exists() or path.is_symlink()
    except (OSError, ValueError) as error:  # a name too long, or with a null byte
        raise unwritable(path, error) from None
    if taken:
        raise ChainruleError(f"{path} exists and would be overwritten; choose another name or remove it first")


def remove_parts(folder: Path) -> None:
    """Removes what a killed process left half written in that folder, if there is one."""
    for part in folder.glob(f"{PART}*"):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def unwritable(path: Path, error: Exception) -> ChainruleError:
    """The error to raise where `path` cannot be written."""
    reason = "its folder is a file" if isinstance(error, FileExistsError) else getattr(error, "strerror", None) or error
    return ChainruleError(f"{path} cannot be written ({reason}); choose another place")


def _flush(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
