"""Fixtures and settings shared by the tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run, and no deadlines: the tests share their machine with others.
settings.register_profile("reproducible", deadline=None, derandomize=True)
settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real RSNA 2017 files that BONEAGE_REAL_DATA names; skips when it is not set."""
    folder = os.environ.get("BONEAGE_REAL_DATA")
    if not folder:
        pytest.skip("BONEAGE_REAL_DATA is not set: no real radiographs to test with")
    return Path(folder)
