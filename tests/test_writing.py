"""Writing cohorts: resumed, never over other data, and nothing lost on a full disk."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from boneage_lib.data.cohort import Cohort
from boneage_lib.data.journal import CohortWriter, Original
from boneage_lib.data.writing import write_cohort
from boneage_lib.errors import InputError

SIZE, N = 8, 12
LABELS = pd.DataFrame(
    {
        "id": np.arange(N) + 100,
        "split": np.resize(["train", "validation", "test"], N),
        "female": np.arange(N) % 2,
        "boneage_months": np.linspace(11.21, 219.06, N),
    }
)


class Maker:
    """Makes the same cohort again and again, and remembers which rows it was asked for."""

    def __init__(self, folder: Path, kind: str = "rsna") -> None:
        self.folder, self.kind = folder, kind
        self.asked: list[list[int]] = []

    def __call__(
        self,
        stop_after: int | None = None,
        error: BaseException | None = None,
        labels: pd.DataFrame = LABELS,
        replace: bool = False,
        left_out: Sequence[int] = (),
    ) -> Cohort:
        def fill(writer: CohortWriter) -> Sequence[int]:
            self.asked.append(writer.missing)
            for k, row in enumerate(writer.missing):
                if k == stop_after:
                    raise error or KeyboardInterrupt
                if row not in left_out:
                    picture = np.full((1, SIZE, SIZE), 20 * row, np.uint8)
                    writer.write([row], picture, [Original(50 + row, 60, 8, "grey")])
            return left_out

        return write_cohort(self.folder, labels, SIZE, {"kind": self.kind}, {}, fill, replace)

    @property
    def partial(self) -> Path:
        (found,) = self.folder.parent.glob(f".{self.folder.name}.*.partial")
        return found


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "out" / "cohort")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_interrupted_command_goes_on_where_it_stopped(make: Maker, tmp_path: Path) -> None:
    undisturbed = Maker(tmp_path / "undisturbed")
    undisturbed()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            make(stop_after=3)
    assert not make.folder.exists()
    make()
    assert make.asked == [list(range(start, N)) for start in (0, 3, 6, 9)]
    assert contents(make.folder) == contents(undisturbed.folder)
    assert names(make.folder.parent) == ["cohort"]


def test_a_line_cut_by_a_kill_counts_for_nothing(make: Maker) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(stop_after=5)
    journal = make.partial / "journal.txt"
    journal.write_bytes(journal.read_bytes()[:-20])
    make()
    assert make.asked[1] == list(range(4, N))
    assert Cohort.open(make.folder, verify=True).images[4, 0, 0] == 80


def test_pixels_that_did_not_reach_the_disk_are_made_again(make: Maker) -> None:
    """After a power cut the journal may know more than the picture file."""
    with pytest.raises(KeyboardInterrupt):
        make(stop_after=5)
    images = np.load(make.partial / "images.npy", mmap_mode="r+")
    images[2] = 0
    images.flush()
    make()
    assert make.asked[1] == [2, *range(5, N)]
    assert Cohort.open(make.folder, verify=True).images[2, 0, 0] == 40


def test_another_version_does_not_go_on_with_leftovers(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(stop_after=5)
    monkeypatch.setattr("boneage_lib.data.writing.code_digest", lambda: "of tomorrow")
    make()
    assert make.asked[1] == list(range(N))
    assert names(make.folder.parent) == ["cohort"]


def test_a_finished_cohort_is_left_as_it_is(make: Maker) -> None:
    first = make()
    before = (make.folder / "images.npy").stat()
    assert make().checksum == first.checksum
    assert make.asked == [list(range(N))]
    assert (make.folder / "images.npy").stat().st_ino == before.st_ino


def test_a_finished_cohort_that_was_damaged_is_made_again(make: Maker) -> None:
    checksum = make().checksum
    images = np.load(make.folder / "images.npy", mmap_mode="r+")
    images[1, 2, 3] ^= 255
    images.flush()
    assert make().checksum == checksum
    assert Cohort.open(make.folder, verify=True).images[1, 2, 3] == 20


def test_a_cohort_of_other_data_stays_unless_told(make: Maker) -> None:
    earlier = make().checksum
    fewer = LABELS.iloc[:6]
    with pytest.raises(InputError, match=r"made from other data .*12 radiographs of 8.*--replace"):
        make(labels=fewer)
    assert Cohort.open(make.folder, verify=True).checksum == earlier
    assert names(make.folder.parent) == ["cohort"]
    with pytest.raises(KeyboardInterrupt):
        make(labels=fewer, replace=True, stop_after=2)
    assert Cohort.open(make.folder, verify=True).checksum == earlier
    assert len(make(labels=fewer, replace=True)) == 6
    assert names(make.folder.parent) == ["cohort"]


def test_a_cohort_of_an_earlier_format_counts_as_other_data(make: Maker) -> None:
    make()
    (make.folder / "cohort.json").write_text("{}")
    with pytest.raises(InputError, match="--replace"):
        make()


def test_a_cohort_without_its_record_is_replaced(make: Maker) -> None:
    """As where somebody was told to take it away."""
    make()
    (make.folder / "cohort.json").unlink()
    assert len(make(labels=LABELS.iloc[:6])) == 6


def test_a_kill_between_the_last_two_steps(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    earlier = make.folder / "cohort.json"
    rename = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if path.name == "cohort" and path.parent.name.endswith(".partial"):
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        make(labels=LABELS.iloc[:6], replace=True)
    monkeypatch.undo()
    assert not earlier.exists()
    assert len(make(labels=LABELS.iloc[:6])) == 6
    assert len(make.asked) == 2  # nothing was made again
    assert names(make.folder.parent) == ["cohort"]


def test_rows_left_out_take_their_labels_and_originals_along(make: Maker) -> None:
    cohort = make(left_out=[0, 3])
    assert cohort.labels["id"].tolist() == [101, 102, *range(104, 112)]
    assert cohort.images[:, 0, 0].tolist() == [20 * k for k in range(N) if k not in (0, 3)]
    assert cohort.originals is not None
    assert cohort.originals["id"].tolist() == cohort.labels["id"].tolist()
    assert cohort.originals["width"].tolist() == [50 + k for k in range(N) if k not in (0, 3)]
    assert cohort.info["n"] == len(Cohort.open(make.folder, verify=True)) == 10


def test_two_commands_do_not_write_to_one_place(make: Maker) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(stop_after=5)
    with (make.partial / "journal.txt").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="Another command is writing"):
            make()
    assert len(make()) == N


def test_an_error_leaves_nothing_behind_and_an_earlier_cohort_alone(make: Maker) -> None:
    earlier = make().checksum
    with pytest.raises(RuntimeError, match="stopped"):
        make(stop_after=0, error=RuntimeError("stopped"), labels=LABELS.iloc[:6], replace=True)
    assert names(make.folder.parent) == ["cohort"]
    assert Cohort.open(make.folder, verify=True).checksum == earlier


def test_other_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="holds other files"):
        Maker(tmp_path)(replace=True)
    with pytest.raises(InputError, match="is a file"):
        Maker(tmp_path / "thesis.txt")(replace=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_current_folder_and_a_link_are_targets_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    Maker(tmp_path / "link")()
    monkeypatch.chdir(tmp_path / "here")
    Maker(Path("."))(labels=LABELS.iloc[:6], replace=True)
    assert len(Cohort.open(tmp_path / "link")) == 6


def test_a_disk_without_room_is_refused(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 90, 10))
    with pytest.raises(InputError, match="needs .* GB and its disk has"):
        make()
    assert make.asked == []
    assert names(make.folder.parent) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="cannot reserve room here")
def test_a_disk_that_cannot_reserve_the_room_is_refused(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="is full .*Make room"):
        make()
    assert make.asked == []
    assert names(make.folder.parent) == []


def test_what_is_done_survives_a_disk_that_fills_up(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite, calls = os.pwrite, []

    def filling(*arguments: object) -> int:
        calls.append(arguments)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "pwrite", filling)
    with pytest.raises(InputError, match="is full .*the same command goes on from there"):
        make()
    monkeypatch.undo()
    make()
    assert make.asked[1] == list(range(4, N))


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_place_that_may_not_be_written_is_refused(
    make: Maker, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def forbidden(path: Path, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(InputError, match="cannot be written: .*get the permission"):
        make()
    assert make.asked == []


@pytest.mark.skipif(os.geteuid() == 0, reason="no folder is forbidden to the superuser")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(InputError, match="cannot be written"):
        Maker(tmp_path / "locked" / "cohort")()


def test_the_record_says_what_it_was_made_from(make: Maker) -> None:
    make()
    record = json.loads((make.folder / "cohort.json").read_text())
    assert record["kind"] == "rsna" and record["n"] == N and record["size"] == SIZE
    assert len(record["source"]) == len(record["plan"]) == len(record["checksum"]) == 64
