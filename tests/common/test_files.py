"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from afn.common import files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_is_put_in_pieces_and_the_folder_is_made(tmp_path):
    files.write(tmp_path / "a/b.txt", b"one", memoryview(b"two"))
    assert (tmp_path / "a/b.txt").read_bytes() == b"onetwo"
    assert names(tmp_path / "a") == ["b.txt"]
    files.write_text(tmp_path / "a/b.txt", "\u00e9")
    assert (tmp_path / "a/b.txt").read_bytes() == b"\xc3\xa9"
    assert files.sha256_of(tmp_path / "a/b.txt").startswith("4a99557e")


def test_the_mode_is_that_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("x")
    files.write(tmp_path / "whole", b"x")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("where", ["in the block", "on the disk", "nothing was written"])
def test_after_a_failure_the_old_content_stands(tmp_path, monkeypatch, where):
    path = tmp_path / "a"
    files.write(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    if where == "on the disk":
        monkeypatch.setattr(os, "fsync", full)

    def fails():
        with files.replacing(path) as temporary:
            if where != "nothing was written":
                temporary.write_bytes(b"ne")
            if where == "in the block":
                raise OSError(where)

    expected = {"on the disk": "No space", "nothing was written": "No such file"}
    with pytest.raises(OSError, match=expected.get(where, where)):
        fails()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_two_who_write_do_not_disturb_each_other(tmp_path):
    with files.replacing(tmp_path / "a") as one, files.replacing(tmp_path / "a") as two:
        one.write_bytes(b"1")
        two.write_bytes(b"2")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert names(tmp_path) == ["a"]


def test_what_a_kill_leaves_is_hidden_and_can_be_swept(tmp_path):
    code = (
        "import os, sys; from afn.common import files\n"
        "with files.replacing(sys.argv[1] + '/a') as path:\n"
        "    path.write_bytes(b'half'); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 9
    assert len(names(tmp_path)) == 1
    assert names(tmp_path)[0].startswith(".a.")
    (tmp_path / "b").write_text("x")
    files.sweep(tmp_path)
    assert names(tmp_path) == ["b"]
