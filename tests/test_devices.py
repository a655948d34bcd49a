"""One GPU a job."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from boneage_lib.report import devices
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


def test_several_that_are_named_are_shared_out_by_name(
    two_gpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "1, MIG-GPU-5e/1/0")
    assert count_gpus() == 2
    with one_gpu(two_gpus):
        assert os.environ[VISIBLE] == "1"
        monkeypatch.setenv(VISIBLE, "1,3")  # as another run on this machine would find it
        with one_gpu(two_gpus):
            assert os.environ[VISIBLE] == "3"
        monkeypatch.setenv(VISIBLE, "1,MIG-GPU-5e/1/0")
        with one_gpu(two_gpus):
            assert os.environ[VISIBLE] == "MIG-GPU-5e/1/0"
    assert os.environ[VISIBLE] == "1, MIG-GPU-5e/1/0"


def test_the_one_that_a_cluster_gave_a_job_is_left_alone(
    two_gpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "3")
    with one_gpu(two_gpus):
        assert os.environ[VISIBLE] == "3"
    assert not list(two_gpus.glob("*.lock"))


def test_every_user_has_locks_of_their_own(two_gpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(two_gpus))
    for user in (1001, 1002):
        monkeypatch.setattr(devices.os, "getuid", lambda user=user: user)
        with one_gpu():
            assert os.environ[VISIBLE] == "0"
    folders = sorted(two_gpus.glob("boneage-gpus-*"))
    assert [folder.name for folder in folders] == ["boneage-gpus-1001", "boneage-gpus-1002"]
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in folders)


def test_no_driver_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(VISIBLE, raising=False)
    assert count_gpus() == 0
    with one_gpu(tmp_path):
        assert VISIBLE not in os.environ
