"""Atomic writes: files and folders are written completely or not at all, and nothing is overwritten by accident."""

from __future__ import annotations

import os
import stat

import pytest

from chainrule.errors import ChainruleError
from chainrule.files import PARTIAL_PREFIX, atomic_write, new_directory, refuse_existing, remove_partial_writes


class PlannedError(Exception):
    pass


def write(path, text="new") -> None:
    with atomic_write(path) as part:
        part.write_text(text)


def make(path) -> None:
    with new_directory(path) as folder:
        (folder / "a").write_text("new")


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "deep" / "er" / "x.txt"
    write(path, "old")
    with atomic_write(path) as part:
        part.write_text("new")
        assert part.parent == path.parent
        assert part.suffix == path.suffix
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(path.parent) == ["x.txt"]


def write_half(path, error) -> None:
    with atomic_write(path) as part:
        part.write_text("half")
        raise error


def make_half(path, error) -> None:
    with new_directory(path) as folder:
        (folder / "a").write_text("half")
        raise error


@pytest.mark.parametrize("error", [PlannedError, KeyboardInterrupt])
def test_an_unfinished_write_changes_nothing(tmp_path, error):
    write(tmp_path / "x.txt", "old")
    with pytest.raises(error):
        write_half(tmp_path / "x.txt", error)
    with pytest.raises(error):
        make_half(tmp_path / "y", error)
    assert (tmp_path / "x.txt").read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


@pytest.mark.parametrize("there", ["nothing", "an empty folder"])
def test_a_folder_appears_when_it_is_complete(tmp_path, there):
    path = tmp_path / "deep" / "x"
    if there == "an empty folder":
        path.mkdir(parents=True)
    make(path)
    assert names(path) == ["a"]
    assert names(path.parent) == ["x"]


def test_existing_files_and_folders_are_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "folder", "link"):
        for refuse in (refuse_existing, make):
            with pytest.raises(ChainruleError, match=f"{name} exists and would be overwritten; choose another name"):
                refuse(tmp_path / name)
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "file").read_text() == "mine"
    assert names(tmp_path) == ["file", "folder", "link"]


def test_free_paths_are_not_refused(tmp_path):
    refuse_existing(tmp_path / "nothing" / "here")
    refuse_existing(tmp_path)


@pytest.mark.parametrize("way", [write, make])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file/x", "its folder is a file|Not a directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "its name has a null byte"),
    ],
)
def test_an_impossible_path_is_refused_in_one_line(tmp_path, way, name, reason):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ChainruleError, match=rf"cannot be written \(({reason})\); choose another place") as error:
        way(tmp_path / name)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("way", [write, make])
def test_a_full_disk_leaves_nothing(tmp_path, way, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ChainruleError, match=r"x cannot be written \(No space left on device\); choose another place"):
        way(tmp_path / "x")
    assert names(tmp_path) == []


def test_a_file_does_not_replace_a_folder(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(ChainruleError, match=r"x cannot be written \(Is a directory\)"):
        write(tmp_path / "x")
    assert names(tmp_path) == ["x"]


def test_contents_are_flushed_before_the_rename(tmp_path, monkeypatch):
    order = []
    flush, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("flush"), flush(handle))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (order.append("replace"), replace(*paths))[1])
    write(tmp_path / "file")
    make(tmp_path / "folder")
    assert order == ["flush", "replace"] * 2


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "file")
        make(tmp_path / "folder")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_only_partial_writes_are_removed(tmp_path):
    (tmp_path / f"{PARTIAL_PREFIX}1-x").write_text("half")
    (tmp_path / f"{PARTIAL_PREFIX}2-y").mkdir()
    (tmp_path / f"{PARTIAL_PREFIX}2-y" / "a").write_text("half")
    (tmp_path / ".hidden").write_text("mine")
    (tmp_path / "x").write_text("mine")
    remove_partial_writes(tmp_path)
    remove_partial_writes(tmp_path / "nowhere")
    assert names(tmp_path) == [".hidden", "x"]


def test_partial_writes_have_the_names_that_are_removed(tmp_path):
    with atomic_write(tmp_path / "x") as part, new_directory(tmp_path / "y") as folder:
        assert part.name.startswith(PARTIAL_PREFIX)
        assert folder.name.startswith(PARTIAL_PREFIX)
