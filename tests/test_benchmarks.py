"""Benchmarks as commands, at toy size: what they write is whole, and adds up."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import tiny_base

from boneage_lib.data import write_phantoms
from boneage_lib.networks import heads
from boneage_lib.report.plan import NETWORK_OF
from boneage_lib.report.run import Run
from boneage_lib.training import extraction
from boneage_lib.training.runtimes import choose_precision, choose_runtime

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
KEPT = sorted((BENCHMARKS.parent / "results" / "benchmarks").glob("*.json"))
TOY = ("--networks", "resnet50_patches", "--size", "64", "--patch-size", "32", "--n", "20")
#: What the library would choose here for pretrained bases.
FAST = choose_precision("auto", choose_runtime())


def start(name: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    """Run a benchmark as its command does."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *options])
    importlib.import_module(name).main()


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_a_kept_benchmark_says_what_it_was_measured_on(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    said = importlib.import_module("machine").measured_on(json.loads(file.read_text()))
    assert file.with_suffix(".md").read_text() == said


@pytest.fixture
def small_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base of a few weights in this process."""
    for module in (extraction, heads):
        monkeypatch.setattr(module, "frozen_backbone", tiny_base)


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """A function from a benchmark and its options to its record and what it prints."""

    def run(name: str, *options: str) -> tuple[dict[str, Any], str]:
        file = tmp_path / f"{name}.json"
        start(name, monkeypatch, *options, "--out", str(file))
        record, printed = json.loads(file.read_text()), capsys.readouterr().out
        assert {"cpu", "cores", "keras", "backend", "openvino"} <= set(record["machine"])
        assert record["data"] == "synthetic" and record["weights"] == "random"
        assert str(tmp_path) not in printed + file.read_text(), "a path of this machine"
        assert "on synthetic radiographs" in file.with_suffix(".md").read_text()
        return record, printed

    return run


def numbers(record: Any) -> Iterator[float]:
    """All numbers of a record, however deep."""
    if isinstance(record, dict):
        record = list(record.values())
    if isinstance(record, list):
        for item in record:
            yield from numbers(item)
    elif isinstance(record, float):
        yield record


@pytest.mark.long
@pytest.mark.usefixtures("small_base")
def test_training_is_measured_beside_the_papers_way(bench: Any) -> None:
    toy = ("--draws", "16", "--heads", "2", "--matrix", "64", "--rounds", "1")
    record, printed = bench("training", *TOY, *toy)
    assert "| ResNet50 on patches |" in printed
    found = record["networks"]["resnet50_patches"]
    assert all(math.isfinite(number) and number > 0 for number in numbers(found))
    assert found["image"] == [3, 32, 32]
    assert found["ours"]["precision"] == FAST
    ways = {way["name"] for way in record["ways"]}
    summary, (only,) = found["summary"], found["rounds"]
    assert set(summary["bare_images_per_s"]) == set(only["peak_gflops"]) == ways
    first = only["bank_s"] + only["head_s"]
    assert summary["ours_images_per_s"] == pytest.approx(16 * 3 / first)
    ratio = only["ours_images_per_s"] / only["paper_images_per_s"]
    assert summary["times_paper"] == pytest.approx(ratio)
    fastest = max(only["bare_images_per_s"].values())
    assert summary["share_of_bare"] == pytest.approx(only["ours_images_per_s"] / fastest)
    peak = only["peak_gflops"][found["ours"]["name"]] * 1e9
    used = only["ours_images_per_s"] * found["flops_an_image"]
    assert summary["share_of_peak"] == pytest.approx(used / peak)
    assert len(only["further_heads_s"]) == 2
    assert summary["further_head_share"] == pytest.approx(sum(only["further_heads_s"]) / 2 / first)
    assert summary["bank_times_streaming_2_heads"] == pytest.approx(
        2 * only["streaming_s"] / (only["bank_s"] + sum(only["further_heads_s"]))
    )
    assert "computed" in summary["streaming_2_heads"]
    assert only["head_with_graph_s"] > only["head_s"]


def test_draws_that_fill_no_whole_batches_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        start("training", monkeypatch, "--draws", "12")
    assert "expected a multiple of 8" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told on Linux only")
def test_growth_tells_training_from_the_framework(bench: Any) -> None:
    toy = ("--sizes", "24", "--phantoms", "20", "--size", "64", "--patch-size", "32")
    record, printed = bench("growth", *toy)
    assert "GiB besides the framework" in printed
    assert record["precision"] == FAST
    (row,) = record["cohorts"]
    assert row["n"] == 24
    assert all(math.isfinite(number) and number >= 0 for number in numbers(row))
    assert row["images"] == 21 * 3 + (2 + 1) * 3, "RSNA's splits, each radiograph once"
    assert row["images_per_s"] == pytest.approx(row["images"] / row["seconds"])
    assert row["besides_framework_mib"] == row["peak_mib"] - row["framework_mib"]
    assert row["framework_mib"] <= row["framework_peak_mib"] <= row["peak_mib"]
    assert row["anonymous_peak_mib"] < row["peak_mib"]


@pytest.fixture
def toy_run(tmp_path: Path) -> Run:
    """A run's folder in which nothing has been trained."""
    run = Run(tmp_path / "run")
    write_phantoms(run.cohort_folder, 20, 80)
    own = {"patch_size": 32, "draws_per_cell": 1, "epochs": 1, "views": 1, "seeds": 2}
    notebooks = {name: dict(own) for name in NETWORK_OF}
    settings = {"weights": "random", "notebooks": notebooks}
    run.parameters_file.write_text(yaml.safe_dump(settings))
    return run


@pytest.mark.long
def test_whole_networks_are_trained_one_by_one(bench: Any) -> None:
    toy = ("--batches", "2", "--precision", "float32", "--steps", "1", "--epochs", "3")
    record, printed = bench("finetune", "--sizes", "71", "75", *toy)
    assert [row["size"] for row in record["trainings"]] == [71, 75]
    for row in record["trainings"]:
        first, *others = row["epoch_s"]
        steady = sum(others) / 2
        assert row["images_per_s"] == pytest.approx(2 / steady, rel=0.05, abs=0.06)
        assert row["rsna_epoch_s"] == pytest.approx(12_611 * steady / 2, rel=0.001)
        assert row["first_epoch_more_s"] == pytest.approx(first - steady, abs=0.06)
        assert row["peak_mib"] > 100
    assert "71 |" in printed and "75 |" in printed


@pytest.mark.long
@pytest.mark.usefixtures("small_base")
def test_precision_trains_a_run_in_both_ways(
    bench: Any, toy_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (str(toy_run.folder), "--networks", "xception", "resnet50_patches")
    record, printed = bench("precision", *options, "--work", str(tmp_path / "work"))
    assert "| ResNet50 on patches |" in printed and "| Xception " in printed
    assert record["fast"]["precision"] == FAST
    assert record["float32"] == {
        "name": f"{record['machine']['backend'].split()[0]} float32",
        "runtime": "keras",
        "precision": "float32",
    }
    for row in record["networks"].values():
        assert row["n"] == 5, "a quarter of 20 phantoms is for testing"
        assert row["seeds"] == len(row["fast_mae_months_by_seed"]) == 2
        difference = row["fast_mae_months"] - row["float32_mae_months"]
        assert row["difference_months"] == pytest.approx(difference)
        low, high = row["interval"]
        assert low <= row["difference_months"] <= high
        assert row["not_worse"] == (low <= 0)
        assert row["settings"]["views"] == 1, "the run's own"

    def trained(*_: Any, **__: Any) -> None:
        raise AssertionError("a training of the run, or one that was kept, was done again")

    monkeypatch.setattr(extraction.Extractor, "__call__", trained)
    again, _ = bench("precision", *options, "--work", str(tmp_path / "work"))
    assert again["networks"] == record["networks"]


def test_precision_wants_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with pytest.raises(SystemExit):
        start("precision", monkeypatch, str(tmp_path))
    assert "Found no parameters.yaml" in capsys.readouterr().err
