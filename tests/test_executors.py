"""Snakemake's arguments for a cluster: what a made-up SLURM on PATH answers decides."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from boneage_lib.errors import InputError
from boneage_lib.report import executors
from boneage_lib.report.executors import executor_arguments, job_prefix

Slurm = Callable[..., Path]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """Puts made-up SLURM commands on PATH, and the plugin where Python looks for it."""
    for name in ("SNAKEMAKE_PROFILE", "SBATCH_ACCOUNT", "SBATCH_PARTITION"):
        monkeypatch.delenv(name, raising=False)

    def install(**commands: str) -> Path:
        bin_folder = tmp_path / "bin"
        bin_folder.mkdir()
        for name, body in {"sbatch": "exit 0", "squeue": "exit 0", **commands}.items():
            file = bin_folder / name
            file.write_text(f"#!/bin/sh\n{body}\n")
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(bin_folder))
        make_plugin(tmp_path / "site", monkeypatch, "slurm")
        return bin_folder

    return install


def make_plugin(site: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (site / f"snakemake_executor_plugin_{name}").mkdir(parents=True)
    (site / f"snakemake_executor_plugin_{name}" / "__init__.py").touch()
    monkeypatch.syspath_prepend(site)


def value(arguments: list[str], option: str) -> str:
    return arguments[arguments.index(option) + 1]


WITHOUT_ACCOUNTING = "echo 'Slurm accounting storage is disabled' >&2; exit 1"


def test_without_an_executor_everything_stays_as_it_is(tmp_path: Path) -> None:
    assert executor_arguments(None, tmp_path, 2) == []
    assert executor_arguments("dryrun", tmp_path, 2) == ["--executor", "dryrun"]


def test_any_installed_plugin_gets_jobs_and_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plugin(tmp_path, monkeypatch, "moon_base")
    arguments = executor_arguments("moon-base", tmp_path, 4, jobs=5)
    assert value(arguments, "--executor") == "moon-base"
    assert value(arguments, "--jobs") == "5"
    assert (value(arguments, "--cores"), value(arguments, "--max-threads")) == ("20", "4")
    assert "--show-failed-logs" in arguments
    assert "rules" not in arguments, "quiet about rules, Snakemake hides why a job failed"
    assert not [argument for argument in arguments if "slurm" in argument]


@pytest.mark.parametrize("name", ["moon-base", "slurm"])
def test_a_missing_plugin_says_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors.importlib.util, "find_spec", lambda module: None)
    with pytest.raises(InputError, match=f"pip install .*snakemake-executor-plugin-{name}"):
        executor_arguments(name, tmp_path, 2)


@pytest.mark.parametrize("name", ["", "os.path", "a b", "../slurm", "Slurm"])
def test_what_is_no_name_is_not_looked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Expected a name such as slurm"):
        executor_arguments(name, tmp_path, 2)


def test_slurm_without_accounting(slurm: Slurm, tmp_path: Path) -> None:
    slurm(sacct=WITHOUT_ACCOUNTING)
    arguments = executor_arguments("slurm", tmp_path, 2)
    assert value(arguments, "--slurm-status-command") == "squeue"
    assert "--slurm-no-account" in arguments
    assert value(arguments, "--latency-wait") == "60"


def test_slurm_without_sacct(slurm: Slurm, tmp_path: Path) -> None:
    slurm()
    assert "--slurm-no-account" in executor_arguments("slurm", tmp_path, 2)


def test_slurm_with_accounting(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm(sacct="exit 0")
    monkeypatch.setenv("SBATCH_ACCOUNT", "bones")
    arguments = executor_arguments("slurm", tmp_path, 2)
    assert "--slurm-status-command" not in arguments
    assert "--slurm-no-account" not in arguments
    assert "slurm_account=bones" in arguments


def test_an_account_is_left_to_sbatch_where_none_are_kept(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm(sacct=WITHOUT_ACCOUNTING)
    monkeypatch.setenv("SBATCH_ACCOUNT", "bones")
    assert "slurm_account=bones" not in executor_arguments("slurm", tmp_path, 2)


def test_jobs_ask_for_memory_time_and_the_partition_named(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm()
    monkeypatch.setenv("SBATCH_PARTITION", "long")
    arguments = executor_arguments("slurm", tmp_path, 2)
    resources = arguments[arguments.index("--default-resources") + 1 :]
    assert resources == ["mem_mb=6000", "runtime=720", "slurm_partition=long"]


def test_a_snakemake_profile_says_what_jobs_ask_for(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm()
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "site")
    assert "--default-resources" not in executor_arguments("slurm", tmp_path, 2)


def test_no_slurm_on_this_machine(slurm: Slurm, tmp_path: Path) -> None:
    (slurm() / "sbatch").unlink()
    with pytest.raises(InputError, match=r"no sbatch on PATH.*start_slurm\.sh"):
        executor_arguments("slurm", tmp_path, 2)


def test_a_slurm_that_does_not_answer_is_told_in_its_own_words(
    slurm: Slurm, tmp_path: Path
) -> None:
    slurm(squeue="echo 'slurm_load_jobs error: Unable to contact controller' >&2; exit 1")
    with pytest.raises(InputError, match="Unable to contact controller"):
        executor_arguments("slurm", tmp_path, 2)


def test_a_slurm_that_hangs_is_not_waited_for(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm(squeue="exec /bin/sleep 20")
    monkeypatch.setattr(executors, "SECONDS_TO_ANSWER", 0.1)
    with pytest.raises(InputError, match="squeue gave no answer"):
        executor_arguments("slurm", tmp_path, 2)


def test_jobs_left_by_a_killed_run_are_named(slurm: Slurm, tmp_path: Path) -> None:
    mine, other = job_prefix(tmp_path / "runs" / "demo"), job_prefix(tmp_path / "runs" / "rsna")
    slurm(squeue=f"echo '7 {mine}_a1'; echo '8 {other}_b2'; echo '9 {mine}_a1'")
    with pytest.raises(InputError, match=r"queue: 7, 9\..*scancel 7 9$"):
        executor_arguments("slurm", tmp_path / "runs" / "demo", 2)
    assert executor_arguments("slurm", tmp_path / "runs" / "third", 2)


def test_names_of_jobs_suit_the_plugin_and_differ_between_folders(tmp_path: Path) -> None:
    names = [job_prefix(tmp_path / place) for place in ("a/demo", "b/demo", "ä b/" + "x" * 90)]
    assert len(set(names)) == 3
    for name in names:
        assert name.isascii()
        assert len(name) <= 50
        assert name.replace("-", "").isalnum()
