"""Files and folders are written whole or not at all, and never over something else."""

from __future__ import annotations

import os
import stat

import pytest

from chainrule.errors import ChainruleError
from chainrule.files import PART, new_directory, refuse_existing, remove_parts, replacing


class Broken(Exception):
    pass


def write(path, text="new") -> None:
    with replacing(path) as part:
        part.write_text(text)


def make(path) -> None:
    with new_directory(path) as folder:
        (folder / "a").write_text("new")


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_place_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "er" / "x.txt"
    write(path, "old")
    with replacing(path) as part:
        part.write_text("new")
        assert part.parent == path.parent
        assert part.suffix == path.suffix
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(path.parent) == ["x.txt"]


def write_half(path, error) -> None:
    with replacing(path) as part:
        part.write_text("half")
        raise error


def make_half(path, error) -> None:
    with new_directory(path) as folder:
        (folder / "a").write_text("half")
        raise error


@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt])
def test_what_was_not_finished_leaves_what_was_there(tmp_path, error):
    write(tmp_path / "x.txt", "old")
    with pytest.raises(error):
        write_half(tmp_path / "x.txt", error)
    with pytest.raises(error):
        make_half(tmp_path / "y", error)
    assert (tmp_path / "x.txt").read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


@pytest.mark.parametrize("there", ["nothing", "an empty folder"])
def test_a_folder_takes_its_place_when_it_is_whole(tmp_path, there):
    path = tmp_path / "deep" / "x"
    if there == "an empty folder":
        path.mkdir(parents=True)
    make(path)
    assert names(path) == ["a"]
    assert names(path.parent) == ["x"]


def test_what_is_there_is_refused(tmp_path):
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


def test_what_is_free_is_not_refused(tmp_path):
    refuse_existing(tmp_path / "nothing" / "here")
    refuse_existing(tmp_path)


@pytest.mark.parametrize("way", [write, make])
@pytest.mark.parametrize(
    ("name", "reason"),
    [("file/x", "its folder is a file|Not a directory"), ("x" * 300, "File name too long"), ("a\0b", "null byte")],
)
def test_a_place_that_cannot_be_written_is_said_in_one_line(tmp_path, way, name, reason):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ChainruleError, match=rf"cannot be written \(.*({reason}).*\); choose another place") as error:
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


def test_contents_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    order = []
    flush, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("flush"), flush(handle))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (order.append("replace"), replace(*paths))[1])
    write(tmp_path / "file")
    make(tmp_path / "folder")
    assert order == ["flush", "replace"] * 2


def test_permissions_are_those_that_the_user_asks_for(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "file")
        make(tmp_path / "folder")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_parts_and_nothing_else_are_removed(tmp_path):
    (tmp_path / f"{PART}1-x").write_text("half")
    (tmp_path / f"{PART}2-y").mkdir()
    (tmp_path / f"{PART}2-y" / "a").write_text("half")
    (tmp_path / ".hidden").write_text("mine")
    (tmp_path / "x").write_text("mine")
    remove_parts(tmp_path)
    remove_parts(tmp_path / "nowhere")
    assert names(tmp_path) == [".hidden", "x"]


def test_parts_have_the_names_that_are_removed(tmp_path):
    with replacing(tmp_path / "x") as part, new_directory(tmp_path / "y") as folder:
        assert part.name.startswith(PART)
        assert folder.name.startswith(PART)
