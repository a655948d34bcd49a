"""Files that equal jobs write at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from boneage_lib.data.whole_files import remove_left, written_whole


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    with written_whole(file) as partial:
        partial.write_text("half")
        assert not file.exists()
    assert file.read_text() == "half"
    assert list(tmp_path.iterdir()) == [file]


def test_two_processes_write_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.npy"
    with written_whole(file) as mine:
        mine.write_text("mine")
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with written_whole(file) as other:
            assert other != mine
            other.write_text("other")
        assert file.read_text() == "other"
    assert file.read_text() == "mine", "the last to end"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    whole = tmp_path / "bank" / "a.npy"
    whole.parent.mkdir()
    whole.touch()
    with pytest.raises(KeyboardInterrupt), written_whole(whole) as partial:
        partial.touch()
        raise KeyboardInterrupt
    assert partial.exists()
    remove_left(tmp_path)
    assert list(whole.parent.iterdir()) == [whole]
