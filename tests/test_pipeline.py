"""The pipeline: the settings of a run, and what Snakemake would do with them."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import pytest
import yaml

from boneage_lib.bases import BASES
from boneage_lib.errors import InputError
from boneage_lib.report.pipeline import settle, start
from boneage_lib.report.profile import NOTEBOOKS
from boneage_lib.report.run import Run


def weights_folder(folder: Path) -> Path:
    folder.mkdir()
    for name in BASES:
        (folder / f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5").touch()
    return folder


def test_settings_of_a_run_on_real_radiographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights_folder(tmp_path / "weights")
    (tmp_path / "rsna").mkdir()
    monkeypatch.chdir(tmp_path)
    found = settle("rsna-500px", Path("rsna"), "weights", ["epochs=2"])
    assert found["weights"] == str(tmp_path / "weights"), "whole, since steps run elsewhere"
    cohort = found["cohort"]
    assert (cohort["source"], cohort["size"], cohort["seed"]) == ("rsna", 500, 0)
    assert cohort["folder"] == str(tmp_path / "rsna")
    assert found["notebooks"]["06_resnet50_patches"]["patch_size"] == 224
    assert found["notebooks"]["04_xception"]["epochs"] == 2
    assert yaml.safe_load(yaml.safe_dump(found)) == found


def test_weights_of_every_base_are_wanted(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "weights")
    next(folder.glob("resnet50*")).unlink()
    with pytest.raises(InputError, match=r"exactly one resnet50\*notop\*\.h5"):
        settle("demo", None, str(folder), [])


def test_one_weight_file_does_not_do_for_three_bases(tmp_path: Path) -> None:
    file = next(weights_folder(tmp_path / "weights").glob("xception*"))
    with pytest.raises(InputError, match="folder"):
        settle("demo", None, str(file), [])


def test_a_demo_run_makes_every_notebook_and_the_book(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run")
    settings = settle("demo", None, None, [])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert start(run, settings, 2, ["--dry-run"]) == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 15  # seconds
    printed = capfd.readouterr()
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", printed.out + printed.err, re.M))
    assert jobs == {
        **dict.fromkeys([*NOTEBOOKS, "cohort", "book", "all"], "1"),
        "total": str(len(NOTEBOOKS) + 3),
    }
    assert yaml.safe_load(run.parameters_file.read_text()) == settings
    made = {path.name for path in run.folder.iterdir()}
    assert made <= {"parameters.yaml", ".snakemake"}, "a dry run makes nothing"


def test_settings_that_stay_the_same_are_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended:
        returncode = 3

    commands: list[list[str]] = []

    def record(command: list[str], **options: object) -> Ended:
        commands.append(command)
        return Ended()

    monkeypatch.setattr("boneage_lib.report.pipeline.subprocess.run", record)
    run = Run(tmp_path / "run")
    settings = settle("demo", None, None, [])
    assert start(run, settings, 2, ["--executor", "slurm"]) == 3
    written = run.parameters_file.stat().st_mtime_ns
    start(run, settings, 4, [])
    assert run.parameters_file.stat().st_mtime_ns == written
    start(run, settle("demo", None, None, ["epochs=2"]), 4, [])
    assert "epochs: 2" in run.parameters_file.read_text()
    assert [path.name for path in run.folder.iterdir()] == ["parameters.yaml"]
    first, second, _ = commands
    assert first[-2:] == ["--executor", "slurm"]
    assert second[second.index("--cores") + 1] == "4"
    assert second[second.index("--directory") + 1] == str(run.folder)
