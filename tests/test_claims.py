"""The claims ledger: exact verdicts follow from numbers, measured ones from a run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from boneage_lib.data.histogram import load_histogram
from boneage_lib.data.resampling import AgeNormalizer
from boneage_lib.errors import InputError
from boneage_lib.evaluation import (
    compare_all,
    ensemble_study,
    evaluate,
    further_apart,
    resampled,
)
from boneage_lib.paper import (
    Claim,
    Verdict,
    built_claims,
    choice_claims,
    design_claims,
    exact_claims,
    ledger,
    measured_claims,
    published,
    rmse_readings,
    score_claims,
)
from boneage_lib.paper.claim import rounds_to
from boneage_lib.paper.findings import lower_error
from boneage_lib.paper.published import PatchSetting, ScoreRow
from boneage_lib.paper.statements import statements
from boneage_lib.report.studies import SHOWN_IN

ROOT = Path(__file__).resolve().parents[1]

EXACT = {
    "table-1-sizes": "confirmed",
    "table-1-ages": "confirmed",
    "table-1-female": "confirmed",
    "table-1-female-heading": "contradicted",
    "age-range": "confirmed",
    "similar-trend": "approximately",
    "sex-code": "confirmed",
    "training-set-size": "approximately",
    "resampled-test-set": "approximately",
    "resampling-cells": "ambiguous",
    "resampling-changes-unit": "ambiguous",
    "normalized-apart": "ambiguous",
    "table-6-months": "ambiguous",
    "replication-of-winner": "contradicted",
    "table-3-inception-v3": "confirmed",
    "table-3-xception": "confirmed",
    "table-3-resnet50-patches": "confirmed",
    "xception-size": "confirmed",
    "xception-fewer-trainable": "approximately",
    "xception-sex-width": "confirmed",
    "attention-form": "ambiguous",
    "dropout-rate": "ambiguous",
    "table-5-budget": "confirmed",
    "table-5-bases": "confirmed",
    "table-5-batches": "ambiguous",
    "overlapping-patches": "approximately",
    "augmentation-ranges": "confirmed",
    "evaluation-augmented": "ambiguous",
    "shear": "ambiguous",
    "pixel-range": "approximately",
    "plateau-callback": "ambiguous",
    "learning-rate-decay": "ambiguous",
    "table-6-rmse": "confirmed",
    "table-6-p-value": "contradicted",
    "promised-metrics": "approximately",
    "ensemble-weights": "ambiguous",
    "ensemble-floor": "ambiguous",
}

BUILT = (
    "table-3-built",
    "attention-built",
    "frozen-base",
    "xception-cheaper",
    "xception-faster",
    "paper-protocol",
)

#: The rows of claims.md, in its order and in few words, and the rows of the ledger that test each.
ROWS = {
    "Table 1": ("table-1-sizes", "table-1-ages", "table-1-female", "table-1-female-heading"),
    "Table 1, ages 1 to 228": ("age-range",),
    "similar in all datasets": ("similar-trend",),
    "Table 3, InceptionV3": ("table-3-inception-v3", "table-3-built"),
    "Table 3, Xception": ("table-3-xception", "table-3-built", "xception-size"),
    "Table 3, ResNet50": ("table-3-resnet50-patches", "table-3-built"),
    "Table 5": ("table-5-budget", "table-5-bases"),
    "Table 6, RMSE": ("table-6-rmse",),
    "over 10 GB": ("training-set-size",),
    "P-value": ("table-6-p-value", "p-value-is-r", "promised-metrics"),
    "MAE promised": ("promised-metrics", "table-6-mae"),
    "errors in z-units": (
        "table-6-months",
        "replication-of-winner",
        "table-6-inception-v3",
        "table-6-xception",
        "table-6-resnet50-patches",
    ),
    "every split is resampled": ("resampled-test-set", "resampled-score"),
    "frequent ages predicted better": ("frequent-ages-better",),
    "resampling improved the loss": ("resampling-changes-unit", "resampling-helps"),
    "each split normalized by its own": ("normalized-apart", "normalization-ablation"),
    "Xception less expensive": (
        "xception-fewer-trainable",
        "xception-cheaper",
        "xception-faster",
    ),
    "learning-rate decay": ("learning-rate-decay", "schedule-ablation"),
    "plateau and early stopping": ("plateau-callback", "plateau-fires"),
    "frozen base": ("frozen-base",),
    "images in [-1, 1]": ("pixel-range", "input-form"),
    "shear": ("shear",),
    "augmentation of all sets": ("evaluation-augmented",),
    "3 random overlapping patches": ("overlapping-patches", "patches-at-test"),
    "small patches": ("table-5-batches", "patch-losses", "small-patches-worse"),
    "ensemble weights": (
        "ensemble-weights",
        "ensemble-floor",
        "ensemble-as-printed",
        "ensemble-beats-best",
    ),
    "attention left out": ("attention-deviates", "attention-no-benefit"),
    "ResNet50 far best": ("resnet50-best", "patches-beat-xception", "xception-improves"),
    "patches most stable": ("patches-steadier",),
    "equal at the edges": ("edges-equal", "center-resnet50"),
    "7 epochs": ("longer-training", "validation-oscillates", "patch-loss-falls"),
    "ensemble more robust": ("ensemble-robust", "ensemble-less-overfitting"),
    "choice: attention": ("attention-form", "attention-built"),
    "choice: resampling": ("resampling-cells",),
    "choice: dropout": ("dropout-rate",),
    "choice: sex": ("sex-code",),
    "choice: heads": (
        "table-3-inception-v3",
        "table-3-xception",
        "table-3-resnet50-patches",
        "xception-sex-width",
    ),
    "choice: augmentation": ("augmentation-ranges",),
    "choice: Adam, loss, batch, rate, epochs": ("paper-protocol",),
}


def test_every_row_of_the_list_of_claims_is_in_the_ledger() -> None:
    claims = [*exact_claims(), *built_claims({}), *measured_claims({})]
    ids = [claim.id for claim in claims]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(statements())
    assert {name for names in ROWS.values() for name in names} == set(ids)
    assert [claim.id for claim in built_claims({})] == list(BUILT)
    assert not set(EXACT) & set(BUILT)


def test_arithmetic_needs_neither_keras_nor_a_radiograph() -> None:
    code = (
        "import sys; from boneage_lib.paper import exact_claims, ledger; "
        "assert len(ledger(exact_claims())) > 30; "
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_every_row_says_where_it_is_measured() -> None:
    for name, statement in statements().items():
        places = [statement.measured_in]
        if statement.in_study:
            places.append(f"{SHOWN_IN}#{statement.in_study}")
        for place in places:
            notebook, _, anchor = place.partition("#")
            source = ROOT / "notebooks" / f"{notebook}.py"
            assert source.is_file(), name
            text = source.read_text()
            figures = re.findall(r'"figure": \{"name": "([^"]+)"', text)
            headings = re.findall(r"^# #+ (.+)$", text, re.M)
            slugs = [re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") for heading in headings]
            assert anchor in (*figures, *slugs), f"{name}: {place}"
        assert statement.text.endswith((".", '".')), name


@pytest.fixture(scope="module")
def exact() -> dict[str, Claim]:
    return {claim.id: claim for claim in exact_claims()}


def test_exact_verdicts(exact: dict[str, Claim]) -> None:
    assert {name: claim.verdict.value for name, claim in exact.items()} == EXACT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("table-1-sizes", 14_236),
        ("table-1-ages", 127.3208),
        ("resampled-test-set", 109.9),
        ("normalized-apart", 0.0983),
        ("resampling-changes-unit", 0.4021),
        ("resampling-cells", 64.94),
        ("xception-sex-width", 32),
        ("attention-form", 311_709),
        ("pixel-range", 2),
        ("table-3-inception-v3", 3_083_065),
        ("table-3-xception", 20_885),
        ("table-3-resnet50-patches", 28_715),
        ("xception-fewer-trainable", 147.62),
        ("overlapping-patches", 0.999),
        ("learning-rate-decay", 2.15e-4),
        ("ensemble-weights", 0.7),
        ("ensemble-floor", 0.09),
    ],
)
def test_exact_values(exact: dict[str, Claim], name: str, value: float) -> None:
    assert exact[name].value == pytest.approx(value, rel=2e-3)


def test_p_value_of_the_least_printed_correlation(exact: dict[str, Claim]) -> None:
    assert 0 < (exact["table-6-p-value"].value or 0) < 1e-68
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    found = stats.pearsonr(x, y)
    assert score_claims.pvalue_of_r(found.statistic, 30) == pytest.approx(found.pvalue, abs=1e-10)


def test_correlations_that_an_error_implies(exact: dict[str, Claim]) -> None:
    measured = exact["table-6-p-value"].measured
    assert "√(1 - MSE) = 0.900, 0.906, 0.970" in measured
    assert "1 - MSE/2 = 0.905, 0.910, 0.970" in measured
    rng = np.random.default_rng(0)
    truth, noise = rng.normal(size=(2, 100_000))
    mse = 0.19
    alike = (1 - mse / 2) * truth + np.sqrt(1 - (1 - mse / 2) ** 2) * noise  # unit variance
    assert np.mean((alike - truth) ** 2) == pytest.approx(mse, abs=0.005)
    assert np.corrcoef(alike, truth)[0, 1] == pytest.approx(1 - mse / 2, abs=0.003)
    least = (1 - mse) * truth + np.sqrt(mse * (1 - mse)) * noise  # E[truth | least] = least
    assert np.mean((least - truth) ** 2) == pytest.approx(mse, abs=0.005)
    assert np.corrcoef(least, truth)[0, 1] == pytest.approx(np.sqrt(1 - mse), abs=0.003)


def test_floors_of_a_perfect_predictor(exact: dict[str, Claim]) -> None:
    measured = exact["normalized-apart"].measured
    assert exact["normalized-apart"].interval == pytest.approx((0.014, 0.098), abs=2e-3)
    assert "0.41 to 0.43 z (16.9 to 18.5 months)" in measured


def test_patch_budgets(exact: dict[str, Claim]) -> None:
    assert [s.pixels for s in published.TABLE_5] == [150_528, 147_456, 147_456, 153_600]
    assert exact["table-5-budget"].interval == pytest.approx((0.589824, 0.6144))


def test_table_6_in_months_under_each_reading() -> None:
    table = rmse_readings(load_histogram()).pivot(
        index="reading", columns="network", values="rmse_months"
    )
    assert table.loc["train resampled", "inception_v3"] == pytest.approx(28.3, abs=0.05)
    assert table.loc["train as it is", "resnet50_patches"] == pytest.approx(10.1, abs=0.05)
    assert table.loc["test resampled", "xception"] == pytest.approx(24.9, abs=0.1)


def test_splits_are_similar_or_not(exact: dict[str, Claim]) -> None:
    assert exact["similar-trend"].value == pytest.approx(0.112, abs=1e-3)  # of the test set
    assert "validation against train" in exact["similar-trend"].measured
    histogram = load_histogram()
    rows = histogram.query("split != 'test'")
    as_validation = rows.query("split == 'validation'").assign(split="test")
    verdicts = {c.id: c.verdict for c in exact_claims(pd.concat([rows, as_validation]))}
    assert verdicts["similar-trend"] is Verdict.CONFIRMED
    girls = rows.query("split == 'train' or female == 1")
    girls = pd.concat([girls, as_validation.query("female == 0")])
    verdicts = {c.id: c.verdict for c in exact_claims(girls)}
    assert verdicts["similar-trend"] is Verdict.CONTRADICTED


def test_table_1_verdicts_follow_the_labels() -> None:
    older = load_histogram().assign(months=lambda t: t["months"] + 1)
    verdicts = {claim.id: claim.verdict for claim in exact_claims(older)}
    assert verdicts["table-1-ages"] is Verdict.CONTRADICTED
    assert verdicts["age-range"] is Verdict.CONTRADICTED
    assert verdicts["table-1-female"] is Verdict.CONFIRMED
    no_girls_under_two = load_histogram().query("female == 0 or months > 60")
    verdicts = {claim.id: claim.verdict for claim in exact_claims(no_girls_under_two)}
    assert verdicts["table-1-sizes"] is Verdict.APPROXIMATELY
    assert verdicts["resampled-test-set"] is Verdict.CONTRADICTED


def test_verdicts_follow_the_printed_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(score_claims.TABLE_6, "xception", ScoreRow(0.18, 0.52, 0.41))
    monkeypatch.setitem(score_claims.ENSEMBLE_WEIGHTS, "resnet50_patches", 0.8)
    monkeypatch.setitem(
        design_claims.TABLE_3, "xception", published.ParameterRow(20_882_365, 20_886, 20_861_480)
    )
    monkeypatch.setattr(design_claims, "TABLE_5", (PatchSetting(3, 224), PatchSetting(3, 128)))
    verdicts = {claim.id: claim.verdict for claim in exact_claims()}
    assert verdicts["table-6-rmse"] is Verdict.APPROXIMATELY
    assert verdicts["table-6-p-value"] is Verdict.AMBIGUOUS
    assert verdicts["ensemble-weights"] is Verdict.CONFIRMED
    assert verdicts["ensemble-floor"] is Verdict.NOT_TESTABLE
    assert verdicts["table-3-xception"] is Verdict.APPROXIMATELY
    assert verdicts["table-5-budget"] is Verdict.AMBIGUOUS
    assert verdicts["table-5-batches"] is Verdict.CONFIRMED
    monkeypatch.setitem(choice_claims.TABLE_2, "zoom", 0.5)
    monkeypatch.setitem(
        choice_claims.TABLE_3, "xception", published.ParameterRow(20_882_377, 20_897, 20_861_480)
    )
    verdicts = {claim.id: claim.verdict for claim in exact_claims()}
    assert verdicts["augmentation-ranges"] is Verdict.APPROXIMATELY
    assert verdicts["xception-sex-width"] is Verdict.AMBIGUOUS  # 33 units


def test_rounding() -> None:
    assert rounds_to(127.3208, 127, 0)
    assert not rounds_to(126.4, 127, 0)
    assert rounds_to(0.245, 0.24, 2) and rounds_to(0.245, 0.25, 2)


def run_results(sigma: dict[str, float], **settings: Any) -> dict[str, Any]:
    """Results as a run writes them, of networks with errors of about these sizes, months."""
    rng = np.random.default_rng(0)
    n = 360
    age = rng.uniform(10, 220, n)
    labels = {
        "id": np.arange(n),
        "split": np.repeat(["train", "validation", "test"], n // 3),
        "female": rng.integers(0, 2, n),
        "boneage_months": age,
    }
    # Errors of much the same size everywhere, so that no verdict hangs on the luck of a draw.
    tables = {
        name: pd.DataFrame(
            labels
            | {"predicted_months": age + s * rng.choice([-1, 1], n) * rng.uniform(0.8, 1.2, n)}
        )
        for name, s in sigma.items()
    }
    normalizer = AgeNormalizer.fit(age)
    test = {name: table[table["split"] == "test"] for name, table in tables.items()}
    results = {
        "metrics": {
            name: {
                "test": evaluate(table, normalizer),
                "test_resampled": evaluate(resampled(table), normalizer, repeats=True),
            }
            for name, table in test.items()
        },
        "paired": compare_all(test).to_dict("records"),
        "attention_apart": further_apart(test, "xception_attention"),
        "ensemble": json.loads(ensemble_study(tables, normalizer).to_json(orient="records")),
        "patch_size_study": [
            {"patch_size": row.size, "patch_count": row.patches, "seed": seed, "mae_months": mae}
            for row, mae in zip(published.TABLE_5, (10, 20, 30, 40), strict=True)
            for seed in range(2)
        ],
        "cohort_kind": "rsna",
        "weights": "imagenet",
        "n_train": 12_611,
        "image_size": 500,
    }
    # A run hands its results on as JSON.
    return json.loads(json.dumps(results | settings, allow_nan=False))


AS_CLAIMED = {
    "inception_v3": 26.4,
    "xception": 24.0,
    "resnet50_patches": 8.0,
    "xception_attention": 60.0,
}


@pytest.fixture(scope="module")
def as_claimed() -> dict[str, Any]:
    return run_results(AS_CLAIMED)


def verdicts_of(results: dict[str, Any]) -> dict[str, str]:
    return {claim.id: claim.verdict.value for claim in measured_claims(results)}


def test_measured_claims_of_a_run_as_the_paper_has_it(as_claimed: dict[str, Any]) -> None:
    found = verdicts_of(as_claimed)
    assert found["resnet50-best"] == "confirmed"
    assert found["attention-deviates"] == "confirmed"
    assert found["small-patches-worse"] == "confirmed"
    assert found["xception-improves"] == "confirmed"
    assert found["table-6-inception-v3"] == "ambiguous"  # as printed in some units alone
    assert found["table-6-resnet50-patches"] == "ambiguous"  # far below 0.24 in most units
    assert found["p-value-is-r"] == "contradicted"
    assert found["ensemble-beats-best"] == "confirmed"
    row = {claim.id: claim for claim in measured_claims(as_claimed)}["resnet50-best"]
    assert row.interval is not None and row.interval[1] < 0
    assert ") against InceptionV3" in row.measured


def test_measured_claims_of_a_run_that_turns_the_paper_round() -> None:
    turned = {
        "inception_v3": 8.0,
        "xception": 20.0,
        "resnet50_patches": 40.0,
        "xception_attention": 8.0,
    }
    study = [{"patch_size": s, "patch_count": 3, "mae_months": s / 10} for s in (32, 64, 128)]
    found = verdicts_of(run_results(turned, patch_size_study=study, n_train=490))
    assert found["resnet50-best"] == "contradicted"
    assert found["xception-improves"] == "contradicted"
    assert found["attention-deviates"] == "contradicted"
    assert found["small-patches-worse"] == "contradicted"
    assert found["ensemble-beats-best"] == "contradicted"
    assert found["table-6-xception"] == "not testable here"  # 490 training radiographs


@pytest.mark.parametrize(
    ("comparisons", "verdict"),
    [
        ([[(-3, -5, -1)], [(-2, -3, -1)]], "confirmed"),
        ([[(-3, -5, -1)], [(-1, -3, 1)]], "approximately"),
        ([[(-3, -5, -1)], [(1, -1, 3)]], "ambiguous"),
        ([[(-3, -5, -1)], [(2, 1, 3)]], "contradicted"),
        ([[(0, 0, 0)]], "ambiguous"),
        # Over radiographs and over seeds: both must lie on the other side.
        ([[(2, 1, 3), (1, 0.5, 1.5)]], "contradicted"),
        ([[(2, -1, 5), (1, 0.5, 1.5)]], "ambiguous"),
        ([[(2, 1, 3), (1, -1, 3)]], "ambiguous"),
        ([[(-3, -5, -1), (-3, -4, -2)], [(2, 1, 3), (1, 0.5, 1.5)]], "contradicted"),
        ([[(-3, -5, -1), (-3, -4, -2)], [(-2, -3, -1), (-1, -3, 1)]], "approximately"),
    ],
)
def test_verdict_on_a_lower_error(
    comparisons: list[list[tuple[float, float, float]]], verdict: str
) -> None:
    assert lower_error(*comparisons)[0].value == verdict


def test_a_reason_names_the_comparison_that_decides() -> None:
    lost, won = [(2, 1, 3)], [(-3, -5, -1)]
    _, reason = lower_error(won, lost, others=["A", "B"])
    assert reason == (
        "against B every interval lies on the other side of zero, and one such comparison is enough"
    )
    _, reason = lower_error([(2, 1, 3), (-3, -5, -1)])
    assert reason == "intervals on either side of zero contradict each other"


@pytest.mark.parametrize(
    "settings",
    [{"cohort_kind": "synthetic"}, {"weights": "random"}, {"cohort_kind": None}, {"weights": None}],
)
def test_a_demo_shows_numbers_and_judges_nothing(
    as_claimed: dict[str, Any], settings: dict[str, Any]
) -> None:
    claims = measured_claims(as_claimed | settings)
    assert {claim.verdict for claim in claims} == {Verdict.NOT_TESTABLE}
    assert sum(claim.measured != "not measured" for claim in claims) > 10
    assert all("pipeline only" in claim.reason for claim in claims)


def test_an_empty_run_says_what_it_lacks() -> None:
    claims = measured_claims(
        {"cohort_kind": "rsna", "weights": "imagenet", "n_train": 12_611, "image_size": 500}
    )
    assert {claim.verdict for claim in claims} == {Verdict.NOT_TESTABLE}
    assert all(claim.reason.startswith("The run holds no") for claim in claims)


def test_ledger_is_one_table_of_every_claim(as_claimed: dict[str, Any]) -> None:
    claims = [*exact_claims(), *built_claims({}), *measured_claims(as_claimed)]
    table = ledger(claims)
    assert len(table) == len(claims) == table["id"].nunique()
    assert set(table["verdict"]) <= {verdict.value for verdict in Verdict}
    texts = table[["statement", "place", "test", "measured", "reason"]]
    assert (texts.map(len) > 3).all(axis=None)
    assert table["low"].dtype == float
    with pytest.raises(InputError, match="more than once"):
        ledger([claims[0], claims[0]])
    assert ledger([]).empty


def test_a_verdict_outside_the_five_is_refused(exact: dict[str, Claim]) -> None:
    with pytest.raises(ValueError, match="proven"):
        Claim("x", "s", "p", "t", "m", None, None, "proven", "r")  # type: ignore[arg-type]


def test_printed_numbers_have_places_and_types() -> None:
    assert all(printed.place.startswith("section") for printed in published.TEXT.values())
    assert published.number("epochs") == 7
    assert published.limits("winners_mad") == (4.2, 4.5)
    with pytest.raises(TypeError):
        published.number("winners_mad")
    with pytest.raises(TypeError):
        published.limits("epochs")
