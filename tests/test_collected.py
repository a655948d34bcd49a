"""Bringing networks together: what comes out, and what does not belong together."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made_up_run import (
    NORMALIZER,
    ROOT,
    all_predictions,
    changed,
    predictions,
    project,
    strict_json,
    write_networks,
)

from boneage_lib.errors import InputError
from boneage_lib.evaluation import evaluate
from boneage_lib.notebook import (
    Run,
    claim_inputs,
    collect,
    keep_claims,
    published_study,
)
from boneage_lib.paper import exact_claims, ledger, measured_claims
from boneage_lib.paper.published import TITLES
from boneage_lib.report.collected import NOTEBOOK_OF
from boneage_lib.report.results import keep, seed_history, seed_predictions
from boneage_lib.report.run import MissingResult
from boneage_lib.report.studies import keep_study

SCORES = {"validation", "test", "test_resampled", "constant"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(project(tmp_path))
    run = Run("runs/mine")
    write_networks(run)
    return run


def write_patch_study(run: Run) -> None:
    sizes = {3: 115, 9: 66, 36: 33, 150: 32}
    study = pd.DataFrame({"patch_count": list(sizes), "patch_size": list(sizes.values())})
    study = study.assign(mae_months=[30.0, 31.5, 29.0, 33.0], low=28.0, high=35.0)
    run.write_table("results/patch_size_study.csv", study)
    run.write_table("results/patch_losses.csv", study[["patch_count"]].assign(step=1, loss=1.0))
    run.write_table("results/patch_size_fair.csv", study.assign(seed=0))


def trained(seed: int) -> SimpleNamespace:
    """What `keep` asks of a training."""
    history = pd.DataFrame({"epoch": [1, 2], "val_loss": [2.0, 1.0 + seed], "kept": [False, True]})
    network = SimpleNamespace(save=lambda path: Path(path).write_bytes(b""))
    return SimpleNamespace(
        name="xception",
        settings=SimpleNamespace(seed=seed, as_dict=lambda: {"seed": seed}),
        provenance={"base": {"side": 32}, "seconds": {}},
        model=lambda side, weights: network,
        history=history,
        predictions=all_predictions("xception", seed),
        normalizer=NORMALIZER,
    )


def test_what_is_kept_of_several_seeds_and_of_one_after_them(run: Run) -> None:
    labels = all_predictions("xception")
    cohort = SimpleNamespace(
        labels=labels,
        rows=lambda split: np.flatnonzero(labels["split"] == split),
        info={"kind": "synthetic"},
        size=256,
        checksum="0",
    )
    keep(run, trained(0), cohort, "random", [trained(1), trained(2)])  # type: ignore[arg-type]
    for seed in range(3):
        table = pd.read_csv(run.folder / seed_history("xception", seed))
        assert table["val_loss"].tolist() == [2, 1 + seed]
        assert (run.folder / seed_predictions("xception", seed)).is_file()
    keep(run, trained(0), cohort, "random")  # type: ignore[arg-type]
    for folder in (run.predictions, run.histories):
        assert not list((folder / "seeds").glob("*.csv")), "of the earlier run"


def test_every_network_has_its_notebook() -> None:
    assert set(NOTEBOOK_OF) == set(TITLES)
    for notebook in NOTEBOOK_OF.values():
        assert (ROOT / "notebooks" / f"{notebook}.py").is_file()


def test_collect_writes_the_metrics_of_all(run: Run) -> None:
    found = collect(run)
    written = strict_json(run.results / "metrics.json")
    assert set(written) == {
        "data",
        "normalizer",
        "bases",
        "settings",
        "networks",
        "paired",
        "ensemble",
        "ensemble_over_seeds",
        "ensemble_robustness",
    }
    assert written["ensemble_over_seeds"] == written["ensemble_robustness"] == []
    assert list(written["networks"]) == [*TITLES, "ensemble"]
    for name in TITLES:
        assert set(written["networks"][name]) == SCORES | {"against_constant", "seeds"}
        test = predictions(name).query("split == 'test'")
        mae = (test["predicted_months"] - test["boneage_months"]).abs().mean()
        assert written["networks"][name]["test"]["mae_months"] == pytest.approx(mae, abs=1e-3)
    assert set(written["networks"]["ensemble"]) >= SCORES
    assert len(written["paired"]) == 10
    assert {pair["n"] for pair in written["paired"]} == {40}
    assert set(written["bases"]) == set(written["settings"]) == set(TITLES)
    assert found.metrics["networks"]["xception"] == written["networks"]["xception"]
    assert set(found.test) == set(found.scores) == {*TITLES, "ensemble"}
    assert found.normalizer == NORMALIZER
    assert found.constant_mae_months > 30
    assert list(found.histories) == list(found.error_correlation) == list(TITLES)
    text = (run.results / "metrics.json").read_text()
    collect(run)
    assert (run.results / "metrics.json").read_text() == text, "the same again is the same"


def test_the_ensembles_predictions_give_its_scores(run: Run) -> None:
    found = collect(run)
    table = pd.read_csv(run.predictions / "ensemble.csv")
    assert list(table) == list(predictions("xception"))
    assert table["split"].value_counts().to_dict() == {"train": 60, "test": 40, "validation": 30}
    scores = evaluate(table.query("split == 'test'"), NORMALIZER)
    assert found.scores["ensemble"]["mae_months"] == pytest.approx(scores["mae_months"], abs=1e-3)
    weights = {"inception_v3": 1, "xception": 1, "resnet50_patches": 5}
    average = sum(w * all_predictions(n)["predicted_months"] for n, w in weights.items()) / 7
    assert table["predicted_months"].to_numpy() == pytest.approx(average.to_numpy(), abs=1e-3)

    study = found.ensemble
    assert list(study.query("kind == 'member'")["name"]) == list(TITLES)
    ensembles = study.query("kind == 'ensemble'").set_index("name")
    assert ensembles["weight_sum"]["as_printed"] == pytest.approx(0.7)
    assert ensembles["weight_sum"]["normalized"] == pytest.approx(1)
    assert (ensembles["best_member"] == "resnet50_patches").all()
    assert (study["gap_months"] > 0).all(), "less far off on training radiographs"
    assert (run.results / "ensemble.csv").is_file()


def test_several_seeds_are_studied_and_forgotten_when_there_is_one(run: Run) -> None:
    write_networks(run, seeds=3)
    found = collect(run)
    assert set(found.over_seeds["seeds"]) == {3}
    assert list(found.over_seeds["name"])[:4] == list(TITLES)
    written = strict_json(run.results / "metrics.json")["ensemble_over_seeds"]
    assert written[0]["steadiest_member"] is None and written[0]["name"] == "inception_v3"
    file = run.results / "ensemble_over_seeds.csv"
    assert len(pd.read_csv(file)) == len(found.over_seeds)
    (run.predictions / "seeds" / "xception-1.csv").unlink()
    with pytest.raises(MissingResult, match=r"04_xception\.ipynb makes it"):
        collect(run)
    write_networks(run)
    assert collect(run).over_seeds.empty
    assert not file.exists()


def test_changed_radiographs_are_averaged_where_networks_were_asked(run: Run) -> None:
    for name in list(TITLES)[:3]:
        run.write_table(f"results/robustness/{name}.csv", changed(name))
    found = collect(run)
    members = found.robustness.query("kind == 'member'")
    assert list(members["name"]) == list(TITLES)[:3]
    assert set(found.robustness.query("kind == 'ensemble'")["name"]) == set()
    run.write_table("results/robustness/resnet50_patches.csv", changed("resnet50_patches"))
    found = collect(run)
    assert "normalized" in set(found.robustness["name"])
    assert strict_json(run.results / "metrics.json")["ensemble_robustness"][0]["n"] == 20
    assert len(pd.read_csv(run.results / "ensemble_robustness.csv")) == len(found.changed)


@pytest.mark.parametrize(
    ("key", "inner", "value"),
    [
        ("data", "cohort", "1" * 64),
        ("data", "weights", "imagenet"),
        ("normalizer", "std_months", 50.0),
    ],
)
def test_networks_trained_on_other_data_do_not_belong_together(
    key: str, inner: str, value: object, run: Run
) -> None:
    path = run.results / "resnet50_patches.json"
    result = json.loads(path.read_text())
    result[key][inner] = value
    path.write_text(json.dumps(result))
    with pytest.raises(InputError) as caught:
        collect(run)
    message = str(caught.value)
    assert "ResNet50 on patches" in message and "InceptionV3" in message
    assert "Run 06_resnet50_patches again" in message and key in message
    assert not (run.results / "metrics.json").exists()
    assert not (run.predictions / "ensemble.csv").exists()


@pytest.mark.parametrize(
    "path", ["results/xception.json", "predictions/xception.csv", "histories/xception.csv"]
)
def test_a_missing_network_names_its_notebook(path: str, run: Run) -> None:
    (run.folder / path).unlink()
    with pytest.raises(MissingResult, match=r"notebooks/04_xception\.ipynb makes it"):
        collect(run)
    assert not (run.results / "metrics.json").exists()


def test_claims_say_what_they_lack(run: Run) -> None:
    with pytest.raises(MissingResult, match="08_ensemble_analysis"):
        claim_inputs(run)
    collect(run)
    with pytest.raises(MissingResult, match="07_patch_size_study"):
        claim_inputs(run)


def test_claims_on_synthetic_radiographs_are_not_testable(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    collect(run)
    write_patch_study(run)
    measured = ledger(measured_claims(claim_inputs(run)))
    assert set(measured["verdict"]) == {"not testable here"}
    assert measured["reason"].str.contains("synthetic").all()
    exact = ledger(exact_claims())
    keep_claims(run, exact, claim_inputs(run))
    kept = strict_json(run.results / "claims.json")
    assert len(kept) == len(exact) + len(measured)
    assert [row["id"] for row in kept] == [*exact["id"], *measured["id"]]
    assert {row["needs"] for row in kept[: len(exact)]} == {"arithmetic"}
    assert {row["needs"] for row in kept[len(exact) :]} == {"run"}
    assert capsys.readouterr().out.startswith(f"{len(kept)} claims: ")


def test_a_kept_study_comes_back_without_labels_and_places(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_networks(run, kind="rsna", weights="imagenet")
    collect(run)
    write_patch_study(run)
    measured = ledger(measured_claims(claim_inputs(run)))
    keep_claims(run, ledger(exact_claims()), claim_inputs(run))
    provenance = {
        "processor": "a processor",
        "versions": {"keras": "3"},
        "commit": "0" * 12,
        "profile": {
            "weights": str(tmp_path / "weights"),
            "cohort": {"source": "rsna", "folder": str(tmp_path / "rsna"), "size": 500},
        },
    }
    run.provenance_file.write_text(json.dumps(provenance))
    answers = pd.read_csv(run.predictions / "xception.csv")
    run.write_table("predictions/beyond/paper.csv", answers)
    run.write_json("beyond.json", {"best": "paper"})
    folder = keep_study(run, "tiny")
    assert folder == tmp_path / "results" / "tiny"
    for path in folder.rglob("*.*"):
        assert path.suffix in (".json", ".csv")
        assert str(tmp_path) not in path.read_text(), path.name
        if path.suffix == ".csv":
            assert not {"boneage_months", "female"} & set(pd.read_csv(path)), path.name
    kept = pd.read_csv(folder / "predictions" / "xception.csv")
    assert list(kept) == ["id", "split", "predicted_months"]
    assert list(pd.read_csv(folder / "predictions" / "beyond" / "paper.csv")) == list(kept)
    assert strict_json(folder / "beyond.json") == {"best": "paper"}

    (run.results / "patch_losses.csv").rename(tmp_path / "aside.csv")
    with pytest.raises(FileNotFoundError):
        keep_study(run, "tiny")
    assert (folder / "patch_losses.csv").is_file(), "what was kept is still there"
    (tmp_path / "aside.csv").rename(run.results / "patch_losses.csv")
    assert keep_study(run, "tiny") == folder
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]

    study = published_study("tiny")
    assert study.metrics == strict_json(run.results / "metrics.json")
    assert list(study.histories) == list(TITLES)
    elsewhere = ["measured_in"]  # a study's numbers are shown in a notebook of their own
    pd.testing.assert_frame_equal(
        study.claims.drop(columns=["needs", *elsewhere]), measured.drop(columns=elsewhere)
    )
    assert len(study.patch_size_study) == len(study.patch_size_fair) == 4
    assert not (folder / "ensemble_over_seeds.csv").exists(), "one seed"
    (folder / "patch_size_fair.csv").unlink()
    assert published_study("tiny").patch_size_fair.empty, "a study from before it was made"
    assert study.provenance["profile"]["cohort"] == {"source": "rsna", "size": 500}
    assert study.name == "tiny" and len(study.ensemble) > 4


def test_a_ladder_alone_is_a_study_too(run: Run, tmp_path: Path) -> None:
    alone = Run(tmp_path / "alone")
    with pytest.raises(InputError, match="neither metrics.json nor beyond.json"):
        keep_study(alone, "ladder")
    alone.write_json("beyond.json", {"best": "paper"})
    alone.write_table("histories/beyond/paper.csv", pd.DataFrame({"epoch": [1]}))
    alone.write_table(
        "predictions/beyond/paper.csv",
        pd.DataFrame({"id": [1], "split": "test", "boneage_months": 9, "predicted_months": 8.0}),
    )
    alone.provenance_file.write_text('{"commit": "0", "profile": "of an earlier run"}')
    alone.parameters_file.write_text("cohort: {source: rsna}")
    alone.cohort_folder.mkdir()
    (alone.cohort_folder / "cohort.json").write_text("{}")
    folder = keep_study(alone, "ladder")
    record = json.loads((folder / "provenance.json").read_text())
    assert record["profile"] == {"cohort": {"source": "rsna"}}, "not of an earlier run"
    kept = {str(path.relative_to(folder)) for path in folder.rglob("*.*")}
    assert kept == {
        "beyond.json",
        "histories/beyond/paper.csv",
        "predictions/beyond/paper.csv",
        "provenance.json",
    }
    with pytest.raises(InputError, match="no metrics.json"):
        published_study("ladder")


def test_an_unknown_study_is_refused(run: Run) -> None:
    with pytest.raises(InputError, match="'rsna-5px'"):
        published_study("rsna-5px")
