"""Fixtures and settings shared by the tests."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run, and no deadlines: the tests share their machine with others.
settings.register_profile("reproducible", deadline=None, derandomize=True)
settings.load_profile("reproducible")


imported = 0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Keep the garbage collector from what imports have made, which is never garbage.

    Keras has it look through everything at each `clear_session`: a quarter of the time of tests
    that train, where all of this project's tests are imported.
    """
    global imported
    if len(sys.modules) > imported + 50:
        imported = len(sys.modules)
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real RSNA 2017 files that BONEAGE_REAL_DATA names; skips when it is not set."""
    folder = os.environ.get("BONEAGE_REAL_DATA")
    if not folder:
        pytest.skip("BONEAGE_REAL_DATA is not set: no real radiographs to test with")
    return Path(folder)


#: Why a test may be left out even where nothing may be: what it needs, no data or tool brings.
OF_THE_MACHINE = (
    "no folder is forbidden to the superuser",
    "no reference of ",
    "a small disk cannot be mounted here",
)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where BONEAGE_SKIP_NOTHING is set and a test was left out for want of data or a tool."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("BONEAGE_SKIP_NOTHING"):
        return  # also in pytest-xdist's workers, whose tests the first process counts
    reasons = {
        report.nodeid: report.longrepr[2].removeprefix("Skipped: ")
        for report in reporter.stats.get("skipped", [])
    }
    missed = {test: why for test, why in reasons.items() if not why.startswith(OF_THE_MACHINE)}
    for test, why in missed.items():
        reporter.write_line(f"{test} was left out, and BONEAGE_SKIP_NOTHING is set: {why}")
    if missed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
