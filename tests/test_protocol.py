"""The full-size speed measurement, at toy size on the CPU: what its JSON tells, and when."""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import keras
import pytest
from tiny import tiny_base

from boneage_lib.errors import InputError
from boneage_lib.training import extraction

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TOY = ["--n", "40", "--size", "75", "--epochs", "2", "--runtime", "keras", "--precision", "float32"]


@pytest.fixture
def protocol(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The command, with bases of a few weights and a peak that is known at once."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("protocol")
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    monkeypatch.setattr(module, "frozen_backbone", tiny_base)
    monkeypatch.setattr(module, "matmul_peak", lambda precision: 1e12)
    return module


@pytest.mark.long
def test_every_stage_is_measured_and_told(
    protocol: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "protocol.json"
    protocol.main([*TOY, "--patches", "3x34", "4x32", "--out", str(out)])
    record = json.loads(out.read_text())
    train, validation, test = record["protocol"]["radiographs"].values()
    assert train + validation + test == 45 and train == pytest.approx(40, abs=1)
    assert record["protocol"]["weights"] == "random"
    assert (record["card"], record["precision"]) == ("CPU", "float32")
    assert record["machine"]["backend"].startswith(keras.backend.backend())
    stages = {stage["stage"]: stage for stage in record["stages"]}
    assert list(stages) == [
        "inception_v3",
        "xception",
        "xception_attention",
        "resnet50_patches",
        "3x34",
        "4x32",
    ]
    assert record["total_s"] == pytest.approx(
        sum(stage["seconds"] for stage in stages.values()), abs=0.1
    )
    # Two epochs of new views, and every held-out radiograph once; with 3 patches of each view, and
    # 9 of each held-out radiograph.
    assert stages["xception"]["images"] == 2 * train + validation + test
    assert stages["resnet50_patches"]["images"] == 2 * train * 3 + (validation + test) * 3
    assert stages["3x34"]["images"] == train * 3 + validation * 3
    # Streaming goes through the base in every epoch, to validate, too.
    assert stages["xception_attention"]["engine"] == "streaming"
    assert stages["xception_attention"]["images"] == 2 * train + 3 * validation + test
    for stage in stages.values():
        assert len(stage["epoch_s"]) == stage["epochs"]
        flops = 2 * math.ceil(75 / 8) ** 2 * 8 * 8 * 3 * 4
        if "patches" not in stage["network"]:
            assert stage["flop_per_image"] == flops
        assert stage["images_per_s"] > 0
        share = stage["images_per_s"] * stage["flop_per_image"] / 1e12
        assert stage["share_of_peak"] == pytest.approx(share, abs=1e-5)
        assert stage["draws_per_s"] == pytest.approx(
            stage["epochs"] * train / stage["seconds"], rel=0.05
        )
        if stage["engine"] == "bank":
            assert stage["seconds"] == pytest.approx(
                stage["features_s"] + stage["head_s"], abs=0.02
            )
    told = capsys.readouterr().out
    assert "| xception_attention |" in told and f"total {record['total_s']} s" in told


def test_stages_come_one_at_a_time(
    protocol: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is cut off leaves what it measured, and the next command adds to it."""
    out = tmp_path / "protocol.json"
    command = [*TOY, "--out", str(out), "--skip-patch-study", "--networks"]
    train = protocol.train

    def cut_off(name: str, *more: object, **named: object) -> object:
        if name == "resnet50_patches":
            raise KeyboardInterrupt
        return train(name, *more, **named)

    monkeypatch.setattr(protocol, "train", cut_off)
    with pytest.raises(KeyboardInterrupt):
        protocol.main([*command, "xception", "resnet50_patches"])
    (first,) = json.loads(out.read_text())["stages"]
    monkeypatch.setattr(protocol, "train", train)
    protocol.main([*command, "resnet50_patches"])
    record = json.loads(out.read_text())
    assert record["stages"][0] == first
    assert [stage["stage"] for stage in record["stages"]] == ["xception", "resnet50_patches"]
    with pytest.raises(InputError, match="of another protocol: found protocol .*'epochs': 2"):
        protocol.main([*command, "xception", "--epochs", "1"])
    assert json.loads(out.read_text()) == record


def test_operations_are_counted_as_in_print(monkeypatch: pytest.MonkeyPatch) -> None:
    """ResNet50's 3.9 and Xception's 8.4 billion multiplications at their own sizes."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    flops = importlib.import_module("flops")
    resnet = keras.applications.ResNet50(weights=None)
    assert flops.count_flops(resnet) / 2e9 == pytest.approx(3.86, abs=0.01)
    xception = keras.applications.Xception(weights=None)
    assert flops.count_flops(xception) / 2e9 == pytest.approx(8.36, abs=0.01)
    assert flops.matmul_peak("bfloat16", side=64, seconds=0.01) > 0


#: A process of its own, as it has another backend.
ON_JAX = """
import sys, protocol, tiny
from boneage_lib.training import extraction
extraction.frozen_backbone = protocol.frozen_backbone = tiny.tiny_base
protocol.main(sys.argv[1:])
"""


@pytest.mark.long
def test_it_runs_on_jax(tmp_path: Path) -> None:
    """The best runtime and precision are chosen by themselves."""
    pytest.importorskip("jax", reason="jax is not installed")
    out = tmp_path / "protocol.json"
    options = ["--n", "40", "--size", "75", "--epochs", "1", "--runtime", "keras", "--out", out]
    path = [str(folder) for folder in (BENCHMARKS.parent, BENCHMARKS, Path(__file__).parent)]
    subprocess.run(
        [sys.executable, "-c", ON_JAX, *options, "--networks", "--patches", "1x32"],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]),
        },
        check=True,
    )
    record = json.loads(out.read_text())
    assert record["machine"]["backend"].startswith("jax")
    assert record["precision"] == "float32" and record["peak_flop_per_s"] > 1e9
    assert [stage["stage"] for stage in record["stages"]] == ["1x32"]
