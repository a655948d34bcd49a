"""Memory-mapped pages that were looked at are given back."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from boneage_lib.data.pages import Pages


def resident_mib() -> float:
    """Memory of this process that is pages of files, MiB."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"RssFile:\s+(\d+) kB", status)[0]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_looked_at_does_not_pile_up(tmp_path: Path) -> None:
    n, size = 400, 2**18  # 100 MiB
    np.save(tmp_path / "a.npy", np.full((n, size), 7, np.uint8))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    before = resident_mib()
    pages = Pages([np.asarray(array)], limit=10 * 2**20)
    most = 0.0
    for row in array:
        assert row.sum() == 7 * size
        pages.saw(size)
        most = max(most, resident_mib() - before)
    assert most < 30
    assert array[0, 0] == 7, "and may be looked at again"


def test_arrays_in_memory_are_passed_over() -> None:
    array = np.arange(8)
    pages = Pages([array, array[2:]], limit=1)
    pages.saw(10)
    assert array.tolist() == list(range(8))


def test_what_may_be_written_to_is_never_given_back(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(2**16, np.uint8))
    private = np.load(tmp_path / "a.npy", mmap_mode="c")
    private[:] = 9
    Pages([private]).give_back()
    assert (private == 9).all()
