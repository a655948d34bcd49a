"""Damaged and crafted files: `prepare` and `predict` read them or say what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fuzzing import FILES, READERS, archives, bounded, images, outcome, pictures, tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# What a reader took is counted by this system alone.
LINUX = os.access("/proc/self/clear_refs", os.W_OK)
VALID = {"image": images, "picture": pictures, "table": tables, "archive": archives}
#: Valid files that are refused all the same.
OTHERS = ("JPEG", "TIFF", "nothing", "deflated DICOM")


@pytest.mark.parametrize("kind", READERS)
def test_what_the_fuzz_starts_from_is_read(kind: str) -> None:
    """Or all of its variants would be refused for one reason."""
    for name, content in VALID[kind]().items():
        expected = "refused" if name in OTHERS else "read"
        assert outcome(kind, name, content)[0] == expected, name


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_files_are_read_or_refused(kind: str, data: st.DataObject) -> None:
    name, content = data.draw(FILES[kind])
    assert outcome(kind, name, content)[0] in ("read", "refused")


def test_what_takes_too_long_is_stopped() -> None:
    """In a process of its own: an alarm may end one in which other libraries have set handlers."""
    code = (
        "import time\nfrom fuzzing import bounded\nwith bounded(seconds=0.1):\n    time.sleep(60)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 1 and "TooSlow: took more than 0.1 s" in ran.stderr


@pytest.mark.skipif(not LINUX, reason="the system does not tell how much memory was taken at most")
def test_what_takes_too_much_memory_is_noticed() -> None:
    with pytest.raises(AssertionError, match="of memory"), bounded(memory_bytes=50 * 2**20):
        np.ones(100 * 2**20, np.uint8)
