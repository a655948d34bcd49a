"""The pipeline: the settings of a run, and what Snakemake would do with them."""

from __future__ import annotations

import math
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import pytest
import yaml
from keras.src.legacy.saving import legacy_h5_format

from boneage_lib.bases import BASES
from boneage_lib.errors import InputError
from boneage_lib.networks import frozen_backbone
from boneage_lib.report import pipeline
from boneage_lib.report.guard import OWNER, only_run
from boneage_lib.report.pipeline import settle, spread_out, start
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
    monkeypatch.setattr(pipeline, "check_weights", lambda _: None)
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


@contextmanager
def spoilt_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, h5py.File]]:
    """A folder with whole weights of ResNet50, the only base there then is, open to be spoilt."""
    weights_folder(folder)
    monkeypatch.setattr(pipeline, "BASES", {"resnet50": BASES["resnet50"]})
    base = frozen_backbone("resnet50", 32)
    with h5py.File(next(folder.glob("resnet50*")), "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, base)
        yield folder, file


def test_a_weight_of_another_shape_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with spoilt_weights(tmp_path / "weights", monkeypatch) as (folder, file):
        settle("demo", None, str(folder), [])
        layer = file["conv3_block1_1_conv"]
        name = layer.attrs["weight_names"][0]
        narrow = layer[name][..., :100]
        del layer[name]
        layer.create_dataset(name, data=narrow)
    with pytest.raises(InputError, match=r"ResNet50.*conv3_block1_1_conv.*\(1, 1, 256, 100\)"):
        settle("demo", None, str(folder), [])


@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_weights_that_lead_to_other_files_are_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 can take an array's bytes from any file of this machine, and a model would keep them."""
    with spoilt_weights(tmp_path / "weights", monkeypatch) as (folder, file):
        layer = file["conv1_conv"]
        name = layer.attrs["weight_names"][0]
        shape = layer[name].shape
        del layer[name]
        if kind == "external":
            (tmp_path / "secret").write_bytes(bytes(4 * math.prod(shape)))
            layer.create_dataset(name, shape, "f4", external=[(str(tmp_path / "secret"), 0, 2**20)])
        else:
            with h5py.File(tmp_path / "secret.h5", "w") as secret:
                secret.create_dataset("a", shape, "f4")
            layout = h5py.VirtualLayout(shape, "f4")
            layout[...] = h5py.VirtualSource(tmp_path / "secret.h5", "a", shape)
            layer.create_virtual_dataset(name, layout)
    with pytest.raises(InputError, match="ResNet50.*Not allowed: H5 file"):
        settle("demo", None, str(folder), [])


def test_a_demo_run_makes_every_notebook_and_the_book(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run")
    settings = settle("demo", None, None, [])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert start(run, settings, spread_out(settings, 2, gpus=0), ["--dry-run"]) == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if "coverage" not in sys.modules:  # which looks at every line, and takes its time
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 15  # seconds
    printed = capfd.readouterr()
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", printed.out + printed.err, re.M))
    assert jobs == {
        **dict.fromkeys([*NOTEBOOKS, "check", "cohort", "book", "all"], "1"),
        "total": str(len(NOTEBOOKS) + 3),
    }
    assert yaml.safe_load(run.parameters_file.read_text()) == settings
    made = {path.name for path in run.folder.iterdir()}
    assert made <= {"parameters.yaml", "jobs.yaml", ".lock", ".snakemake"}, (
        "a dry run makes nothing"
    )


def test_settings_that_stay_the_same_are_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def record(command: list[str], *_: object) -> int:
        commands.append(command)
        return 3

    monkeypatch.setattr(pipeline, "run_stoppable", record)
    run = Run(tmp_path / "run")
    settings = settle("demo", None, None, [])
    assert start(run, settings, spread_out(settings, 2, gpus=0), ["--executor", "slurm"]) == 3
    written = run.parameters_file.stat().st_mtime_ns
    start(run, settings, spread_out(settings, 4, gpus=0), [])
    assert run.parameters_file.stat().st_mtime_ns == written
    start(run, settle("demo", None, None, ["epochs=2"]), spread_out(settings, 4, gpus=0), [])
    assert "epochs: 2" in run.parameters_file.read_text()
    assert {path.name for path in run.folder.iterdir()} == {"parameters.yaml", "jobs.yaml", ".lock"}
    first, second, _ = commands
    assert "check" in first and "all" not in first, "a check that fails ends the run"
    assert first[-2:] == ["--executor", "slurm"]
    assert second[second.index("--cores") + 1] == "4"
    assert second[second.index("--directory") + 1] == str(run.folder)


def test_a_run_of_several_seeds_is_cut_into_jobs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run")
    settings = settle("demo", None, None, ["seeds=2", "05_xception_attention.engine=streaming"])
    jobs = spread_out(settings, 4, parts=3, gpus=2)
    assert jobs == {"spread": True, "parts": 3, "gpus": 2, "cores": 4, "at_once": 1}
    assert start(run, settings, jobs, ["--dry-run"]) == 0
    printed = "".join(capfd.readouterr())
    found = set(re.findall(r"^([\w.-]+) +1$", printed, re.M))
    for notebook in ("03_inception_v3", "04_xception", "06_resnet50_patches"):
        assert {f"{notebook}.features.{k}-of-3" for k in range(3)} <= found
        assert {f"{notebook}.seed.{k}" for k in range(2)} <= found
    assert {f"07_patch_size_study.setting.{k}" for k in range(3)} <= found
    attention = {name for name in found if name.startswith("05_xception_attention.")}
    assert attention == {"05_xception_attention.seed.0", "05_xception_attention.seed.1"}, (
        "streaming has no bank to fill"
    )
    assert {"check", "cohort", "book", *NOTEBOOKS} <= found


def test_work_follows_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = []

    def record(command: list[str], *_: object) -> int:
        targets.append(command[command.index("snakemake") + 1])
        return 0

    monkeypatch.setattr(pipeline, "run_stoppable", record)
    settings = settle("demo", None, None, [])
    jobs = spread_out(settings, 2, gpus=0)
    start(Run(tmp_path / "run"), settings, jobs, [])
    start(Run(tmp_path / "run"), settings, jobs, [], only="11_beyond")
    assert targets == ["check", "all", "check", "11_beyond"]
    with pytest.raises(InputError, match="--only 12_beyond; expected one of 01_data_inspection, "):
        start(Run(tmp_path / "another"), settings, jobs, [], only="12_beyond")
    assert not (tmp_path / "another").exists()


def planned(
    folder: Path, capfd: pytest.CaptureFixture[str], settings: dict[str, Any], **of: int
) -> tuple[dict[str, str], dict[str, str], dict[str, int]]:
    """What a run would do: by step what Snakemake tells, the command's rest, and the threads."""
    options = ["--dry-run", "--quiet", "host", "--printshellcmds"]
    assert start(Run(folder), settings, spread_out(settings, **of), options) == 0
    printed = "".join(capfd.readouterr())
    rules = dict(re.findall(r"^rule ([\w.-]+):\n(.*?)\n\n", printed, re.M | re.S))
    commands = dict(re.findall(r"boneage step ([\w.-]+) --folder \.(.*)$", printed, re.M))
    threads = {
        name: int(found[1]) if (found := re.search(r"threads: (\d+)", told)) else 1
        for name, told in rules.items()
    }
    return rules, commands, threads


def test_steps_that_go_back_and_forth_share_the_cores(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "TARGETS", ("all",))  # Snakemake starts half as often
    settings = settle("demo", None, None, ["seeds=2", "ablation_seeds=2"])
    _, commands, threads = planned(tmp_path / "run", capfd, settings, cores=4, gpus=0)
    assert threads["03_inception_v3.seed.0"] == 1
    bank = "03_inception_v3.features.0-of-1"
    for shared in (bank, "04_xception", "07_patch_size_study.setting.0"):
        assert threads[shared] == 2, shared
    assert "--threads 4" in commands["07_patch_size_study.setting.0"], "when nobody else does"
    settings = settle("demo", None, None, ["seeds=2", "engine=streaming"])
    _, _, threads = planned(tmp_path / "streamed", capfd, settings, cores=4, gpus=0)
    assert threads["03_inception_v3.seed.0"] == 4, "base and head in one step take all"


def test_gpus_share_the_cores_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As many jobs run at once as there are GPUs; a head's training takes one core."""
    settings = settle("demo", None, None, ["seeds=2", "ablation_seeds=2"])
    rules, commands, every = planned(tmp_path / "run", capfd, settings, cores=8, gpus=2)
    threads = {name: every[name] for name, told in rules.items() if "gpu=1" in told}
    assert {name for name, rest in commands.items() if "--gpu" in rest} == set(threads)
    assert not {"cohort", "book", "01_data_inspection"} & set(threads)
    assert {"check", "04_xception", "07_patch_size_study"} <= set(threads)
    assert max(threads.values()) == 4, "and two of them are all eight cores"
    assert threads["03_inception_v3.features.0-of-2"] == threads["04_xception"] == 4
    assert threads["03_inception_v3.seed.0"] == 1


def test_other_weights_in_the_same_folder_are_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = weights_folder(tmp_path / "weights")
    monkeypatch.setattr(pipeline, "check_weights", lambda _: None)
    before = settle("demo", None, str(folder), [])["weights_sha256"]
    next(folder.glob("xception*")).write_bytes(b"other")
    after = settle("demo", None, str(folder), [])["weights_sha256"]
    assert [name for name in BASES if before[name] != after[name]] == ["xception"]


def test_what_a_killed_run_left_half_written_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run")
    left = [
        run.bank / "a-bank" / ".a.npy.here-1.partial",
        run.checkpoints / ".a.npz.here-1.partial",
    ]
    for file in left:
        file.parent.mkdir(parents=True)
        file.touch()
    monkeypatch.setattr(pipeline, "run_stoppable", lambda *_: 0)
    settings = settle("demo", None, None, [])
    start(run, settings, spread_out(settings, 2, gpus=0), [])
    assert not any(file.exists() for file in left)


@pytest.mark.parametrize(
    ("overrides", "options", "spread", "parts"),
    [
        ([], {}, False, 1),
        (["seeds=2"], {}, True, 1),
        (["seeds=2"], {"spread": False}, False, 1),
        ([], {"gpus": 3}, True, 3),
        ([], {"gpus": 1}, False, 1),
        ([], {"executor": "slurm"}, True, 4),
        ([], {"executor": "slurm", "parts": 2}, True, 2),
    ],
    ids=str,
)
def test_work_is_spread_where_that_pays(
    overrides: list[str], options: dict[str, object], spread: bool, parts: int
) -> None:
    settings = settle("demo", None, None, overrides)
    found = spread_out(settings, 2, **{"gpus": 0, **options})  # type: ignore[arg-type]
    assert (found["spread"], found["parts"]) == (spread, parts)


@pytest.mark.parametrize("wrong", [{"cores": 0}, {"parts": 0}, {"gpus": -1}], ids=str)
def test_what_cannot_be_spread_over_is_refused(wrong: dict[str, int]) -> None:
    settings = settle("demo", None, None, [])
    with pytest.raises(InputError, match="--"):
        spread_out(settings, **{"cores": 2, **wrong})


def test_two_runs_in_one_folder_are_refused_and_a_killed_one_is_forgotten(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    code = (
        "from boneage_lib.report.guard import only_run; from boneage_lib.report.run import Run\n"
        f"with only_run(Run({str(run.folder)!r})): print('in', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "in\n"
        with pytest.raises(InputError, match="another run at work"), only_run(run):
            pass
        other.kill()
    with only_run(run):
        pass


def test_a_step_ends_with_the_run_that_started_it(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as owner:
        code = (
            "import time; from boneage_lib.report.guard import end_with_owner\n"
            "end_with_owner(0.1); print('in', flush=True); time.sleep(60)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, OWNER: str(owner.pid)},
        ) as step:
            assert step.stdout is not None and step.stdout.readline() == "in\n"
            assert step.poll() is None
            owner.kill()
            owner.wait()
            assert step.wait(timeout=30) == 137
