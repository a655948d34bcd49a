"""One GPU a job."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from boneage_lib.report.devices import VISIBLE, count_gpus, one_gpu


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A driver that lists two GPUs, and the folder of their locks."""
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text("#!/bin/sh\necho 'GPU 0: A card'\necho 'GPU 1: A card'\n")
    driver.chmod(driver.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{driver.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv(VISIBLE, raising=False)
    return tmp_path


def test_jobs_take_different_gpus_and_give_them_back(two_gpus: Path) -> None:
    assert count_gpus() == 2
    with one_gpu(two_gpus):
        first = os.environ.pop(VISIBLE)  # as another process would find it
        with one_gpu(two_gpus):
            assert {first, os.environ[VISIBLE]} == {"0", "1"}
    assert VISIBLE not in os.environ
    with one_gpu(two_gpus):
        assert os.environ[VISIBLE] == "0"


def test_what_a_cluster_gave_a_job_is_left_alone(
    two_gpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "1,3")
    assert count_gpus() == 2
    with one_gpu(two_gpus):
        assert os.environ[VISIBLE] == "1,3"


def test_no_driver_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(VISIBLE, raising=False)
    assert count_gpus() == 0
    with one_gpu(tmp_path):
        assert VISIBLE not in os.environ
