"""Claims that need a run or built networks: made-up results lead to either verdict."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from boneage_lib.paper import Verdict, built_claims, measured_claims
from boneage_lib.paper.findings import no_gain, over_seeds
from boneage_lib.paper.published import TABLE_3, TABLE_4, TABLE_5, TABLE_6, TITLES
from boneage_lib.paper.region_claims import in_region
from boneage_lib.paper.table_6_claims import implied_mae_months
from boneage_lib.paper.training_claims import gain

REAL = {"cohort_kind": "rsna", "weights": "imagenet", "n_train": 12_611, "image_size": 500}
RESNET, INCEPTION, XCEPTION = "resnet50_patches", "inception_v3", "xception"


def claim(name: str, **results: Any) -> Any:
    """One claim of a run on real radiographs that holds only these results."""
    run = json.loads(json.dumps({**REAL, **results}, allow_nan=False))
    return {found.id: found for found in measured_claims(run)}[name]


def verdict(name: str, **results: Any) -> str:
    found = claim(name, **results)
    assert found.measured != "not measured", found.reason
    return str(found.verdict.value)


def pair(a: str, b: str, difference: float, half: float = 1.0, **more: Any) -> dict[str, Any]:
    ci = [difference - half, difference + half]
    return {"a": a, "b": b, "difference_months": difference, "difference_months_ci": ci, **more}


def arm(*mae_months: float) -> dict[str, list[float]]:
    return {"seed": list(range(len(mae_months))), "mae_months": list(mae_months)}


def test_differences_over_seeds_are_paired_by_seed() -> None:
    a, b = arm(10, 20, 30), arm(11, 22, 33)
    found = over_seeds(a, b)
    assert found is not None
    assert found[0] == pytest.approx(-2)
    assert found[2] - found[0] == pytest.approx(4.3027 / np.sqrt(3), abs=1e-3)  # Student, 2 df
    assert over_seeds(a, {"seed": [2, 7], "mae_months": [1, 2]}) is None  # one seed in common
    assert over_seeds(None, b) is None
    turned = {"seed": b["seed"][::-1], "mae_months": b["mae_months"][::-1]}
    assert over_seeds(a, turned) == found


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(2, 1, 3)], "confirmed"),
        ([(0.5, -1, 2)], "approximately"),
        ([(-0.5, -2, 1)], "ambiguous"),
        ([(-2, -3, -1)], "contradicted"),
        # Over radiographs and over seeds: both must lie on one side.
        ([(-2, -3, -1), (-1, -2, -0.5)], "contradicted"),
        ([(-2, -5, 1), (-1, -2, -0.5)], "ambiguous"),
        ([(2, 1, 3), (1, -1, 3)], "approximately"),
    ],
)
def test_verdict_on_no_gain(found: list[tuple[float, float, float]], expected: str) -> None:
    assert no_gain(*found)[0].value == expected


def seeds(**maes: tuple[float, ...]) -> dict[str, Any]:
    return {
        name: {"seeds": {"seed": list(range(len(mae))), "test": {"mae_months": list(mae)}}}
        for name, mae in maes.items()
    }


def test_the_headline_asks_for_radiographs_and_seeds() -> None:
    name, better = "patches-beat-xception", [pair(RESNET, XCEPTION, -3)]
    assert verdict(name, paired=better) == "confirmed"
    assert "One seed" in claim(name, paired=better).reason
    assert verdict(name, paired=[pair(XCEPTION, RESNET, -3)]) == "contradicted"
    agree = seeds(resnet50_patches=(10, 11, 10), xception=(13, 14, 13.1))
    assert verdict(name, paired=better, metrics=agree) == "confirmed"
    assert "over seeds" in claim(name, paired=better, metrics=agree).measured
    luck = seeds(resnet50_patches=(10, 18, 10), xception=(13, 14, 13))
    assert verdict(name, paired=better, metrics=luck) == "approximately"
    other = seeds(resnet50_patches=(15, 16, 15), xception=(13, 14, 13.1))
    assert verdict(name, paired=better, metrics=other) == "ambiguous"  # the two disagree
    worse = [pair(RESNET, XCEPTION, 3)]
    assert verdict(name, paired=worse, metrics=other) == "contradicted"
    assert verdict(name, paired=worse, metrics=luck) == "ambiguous"


def test_attention_brings_a_benefit_or_none() -> None:
    name, other = "attention-no-benefit", "xception_attention"
    assert verdict(name, paired=[pair(other, XCEPTION, 3)]) == "confirmed"
    assert verdict(name, paired=[pair(other, XCEPTION, -3)]) == "contradicted"


def test_rankings_ask_for_seeds_where_there_are_several() -> None:
    paired = [pair(RESNET, other, -3) for other in (INCEPTION, XCEPTION)]
    paired += [pair(XCEPTION, INCEPTION, -3), pair("xception_attention", XCEPTION, 3)]
    luck = seeds(
        resnet50_patches=(10, 18, 10),
        xception=(13, 14, 13),
        inception_v3=(13, 9, 15),
        xception_attention=(13.5, 13.2, 13.8),
    )
    for name in ("resnet50-best", "xception-improves", "attention-no-benefit"):
        assert verdict(name, paired=paired) == "confirmed"
        assert "One seed" in claim(name, paired=paired).reason
        found = claim(name, paired=paired, metrics=luck)
        assert found.verdict is not Verdict.CONFIRMED, name
        assert "over seeds" in found.measured and "One seed" not in found.reason


def test_size_of_the_radiographs_is_told_and_printed_errors_need_the_papers() -> None:
    small = {"image_size": 100}
    found = claim("xception-improves", paired=[pair(XCEPTION, INCEPTION, -3)], **small)
    assert found.verdict is Verdict.CONFIRMED
    assert "12,611 radiographs of 100 px" in found.reason
    test = of_rmse(25) | {"mae_months_ci": [19, 21]}
    for name in ("table-6-mae", "table-6-xception"):
        assert verdict(name, metrics=scores(test=test)) != "not testable here"
        found = claim(name, metrics=scores(test=test), **small)
        assert found.verdict is Verdict.NOT_TESTABLE
        assert "Radiographs of 100 px, the paper's of 500 px" in found.reason
        unknown = claim(name, metrics=scores(test=test), image_size=None)
        assert unknown.verdict is Verdict.NOT_TESTABLE


def regions(region: str, *differences: float, half: float = 1.0) -> list[dict[str, Any]]:
    pairs = ((INCEPTION, XCEPTION), (INCEPTION, RESNET), (XCEPTION, RESNET))
    return [
        pair(a, b, d, half, region=region, n=20)
        for (a, b), d in zip(pairs, differences, strict=True)
    ]


def test_edges_and_center_of_the_age_axis() -> None:
    age_z = np.array([-1.8, -1.6, -1.3, 0, 1.2, 1.5, 1.9])
    assert in_region(age_z, "young").tolist() == [False, True, True, False, False, False, False]
    assert in_region(age_z, "old").tolist() == [False, False, False, False, False, True, False]
    assert in_region(age_z, "center").tolist() == [False, False, False, True, True, False, False]
    assert verdict("center-resnet50", regions=regions("center", 0, 5, 4)) == "confirmed"
    assert verdict("center-resnet50", regions=regions("center", 0, 5, -4)) == "contradicted"
    assert claim("center-resnet50", regions=regions("young", 0, 5, 4)).value is None


def edges(young: tuple[float, float], old: tuple[float, float]) -> list[dict[str, Any]]:
    """Records of both edges: all pairs this far apart, with this half an interval, months."""
    return [
        record
        for region, (value, half) in (("young", young), ("old", old))
        for record in regions(region, value, 0, 0, half=half)
    ]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (edges((0.5, 1), (1, 1)), "confirmed"),
        # Apart from zero, and perhaps by no more than the margin of 6 months.
        (edges((3, 1), (0, 1)), "confirmed"),
        (edges((5, 3), (0, 1)), "ambiguous"),
        (edges((9, 1), (0, 1)), "contradicted"),
        (edges((0, 1), (-9, 1)), "contradicted"),
        (edges((1, 8), (1, 8)), "ambiguous"),
        (regions("young", 0, 0, 0), "ambiguous"),
        (regions("old", 9, 0, 0), "contradicted"),
    ],
)
def test_networks_are_equal_at_both_edges_within_a_margin(
    records: list[dict[str, Any]], expected: str
) -> None:
    assert verdict("edges-equal", regions=records) == expected
    found = claim("edges-equal", regions=records)
    assert "One seed" in found.reason
    assert ("too few." in found.reason) == (len(records) == 3)


def test_regions_ask_for_seeds_where_there_are_several() -> None:
    def of(records: list[dict[str, Any]], *seeds: float) -> list[dict[str, Any]]:
        return [record | {"over_seeds": list(seeds)} for record in records]

    apart = edges((9, 1), (0, 1))
    assert verdict("edges-equal", regions=of(apart, 8, 7, 9)) == "contradicted"
    assert verdict("edges-equal", regions=of(apart, 4, -4, 12)) == "ambiguous"
    best = regions("center", 0, 5, 4)
    assert "One seed" in claim("center-resnet50", regions=best).reason
    found = claim("center-resnet50", regions=of(best, 5, -1, 11))
    assert found.verdict is Verdict.APPROXIMATELY
    assert "over seeds" in found.measured and "One seed" not in found.reason


def scores(**values: Any) -> dict[str, Any]:
    return {name: values for name in TABLE_6}


def test_a_mean_absolute_error_is_held_against_what_the_printed_errors_imply() -> None:
    implied = implied_mae_months()
    assert implied[RESNET][0] == pytest.approx(10.09 * np.sqrt(2 / np.pi), abs=0.01)
    metrics = {
        n: {"test": {"mae_months": low, "mae_months_ci": [low - 1, low + 1]}}
        for n, (low, _) in implied.items()
    }
    assert verdict("table-6-mae", metrics=metrics) == "confirmed"
    metrics[RESNET]["test"]["mae_months_ci"] = [1.0, 2.0]
    assert verdict("table-6-mae", metrics=metrics) == "approximately"
    assert verdict("table-6-mae", metrics=metrics, n_train=490) == "not testable here"


def of_rmse(months: float, half: float = 1.0) -> dict[str, Any]:
    """Scores with this RMSE; z-units by the run's own standard deviation, here 60 months."""
    limits = [months - half, months + half]
    return {
        "mae_months": 0.8 * months,
        "rmse_months": months,
        "rmse_months_ci": limits,
        "std_months": 60.0,
        "rmse_z": months / 60,
        "rmse_z_ci": [limit / 60 for limit in limits],
    }


@pytest.mark.parametrize(
    ("rmse", "half", "expected"),
    [
        (0.42 * 58.7, 1.0, "ambiguous"),  # as printed if the unit is the resampled test set's
        (0.42 * 41.0, 1.0, "ambiguous"),  # or the training set's as it is
        (0.42 * 55, 20.0, "confirmed"),
        (60, 1.0, "contradicted"),
    ],
)
def test_a_row_of_table_6_is_tried_in_every_unit(rmse: float, half: float, expected: str) -> None:
    metrics = scores(test_resampled=of_rmse(rmse, half), test=of_rmse(rmse, half))
    assert verdict("table-6-xception", metrics=metrics) == expected
    measured = claim("table-6-xception", metrics=metrics).measured
    assert "standard deviation of 60.0 months" in measured
    assert "(test resampled): " in measured and "(train as it is): " in measured


def correlations(**changes: dict[str, float]) -> dict[str, Any]:
    """Correlations as printed, each with p-values of other tests; changes by network."""
    found = {}
    for name, row in TABLE_6.items():
        r = {"pearson_r": row.p_value, "pearson_r_p": 1e-60, "t_test_p": 0.3, "ks_test_p": 0.5}
        r |= {"pearson_r_ci": [row.p_value - 0.02, row.p_value + 0.02]} | changes.get(name, {})
        found[name] = {"test": r}
    return found


def test_the_p_value_column_is_r_unless_another_test_gives_all_of_it() -> None:
    name = "p-value-is-r"
    assert verdict(name, metrics=correlations()) == "contradicted"
    luck = correlations(inception_v3={"t_test_p": 0.97})  # another network's printed number
    luck["xception_attention"] = {"test": luck[XCEPTION]["test"] | {"ks_test_p": 0.89}}
    assert verdict(name, metrics=luck) == "contradicted"
    one = correlations(xception={"t_test_p": 0.91})
    assert verdict(name, metrics=one) == "contradicted"
    every = correlations(**{n: {"ks_test_p": row.p_value} for n, row in TABLE_6.items()})
    assert verdict(name, metrics=every) == "ambiguous"
    assert "KS p" in claim(name, metrics=every).reason
    elsewhere = correlations(**{n: {"pearson_r_ci": [0.5, 0.6]} for n in TABLE_6})
    assert verdict(name, metrics=elsewhere) == "ambiguous"


def test_a_resampled_score_is_another_quantity_or_the_same() -> None:
    raw = {"mae_months": 14, "mae_months_ci": [12, 16]}
    drawn = {"mae_months": 15, "n": 190, "n_distinct": 92}
    same = scores(test=raw, test_resampled=drawn)
    assert verdict("resampled-score", metrics=same) == "confirmed"
    other = scores(test=raw, test_resampled={**drawn, "mae_months": 19})
    weighted = dict.fromkeys(TABLE_6, 18.0)
    assert verdict("resampled-score", metrics=other, age_weighted=weighted) == "ambiguous"
    assert (
        "92 different of 190), 18.0 weighted"
        in claim("resampled-score", metrics=other, age_weighted=weighted).measured
    )


def test_two_rulers() -> None:
    same = {name: {"rmse_z": 0.301, "rmse_z_own": 0.303} for name in TABLE_6}
    assert verdict("normalization-ablation", rulers=same) == "confirmed"
    other = same | {RESNET: {"rmse_z": 0.30, "rmse_z_own": 0.35}}
    assert verdict("normalization-ablation", rulers=other) == "ambiguous"


def history(*val_loss: float, rates: tuple[float, float] = (1e-3, 1e-3)) -> dict[str, Any]:
    return {"val_loss": list(val_loss), "learning_rate": [*rates] + [rates[1]] * len(val_loss)}


def test_loss_curves() -> None:
    falling, waving = history(4, 3, 2, 1), history(4, 2, 3, 2.5)
    as_said = {INCEPTION: waving, "xception_attention": waving, XCEPTION: falling, RESNET: falling}
    turned = {n: falling if own is waving else waving for n, own in as_said.items()}
    assert verdict("validation-oscillates", histories=as_said) == "confirmed"
    assert verdict("validation-oscillates", histories=turned) == "contradicted"
    all_wave, one_waves = dict.fromkeys(as_said, waving), turned | {INCEPTION: waving}
    assert verdict("validation-oscillates", histories=all_wave) == "approximately"
    assert verdict("validation-oscillates", histories=one_waves) == "ambiguous"
    assert verdict("patch-loss-falls", histories=as_said) == "confirmed"
    assert verdict("patch-loss-falls", histories=turned) == "approximately"


def both_histories(*losses: list[float]) -> dict[str, Any]:
    """Of Xception and ResNet50 on patches, one list of validation losses a seed."""
    own = {"val_loss": losses[0]} | ({"val_loss_of_seeds": losses} if len(losses) > 1 else {})
    return {name: own for name in (XCEPTION, RESNET)}


FALLING, RISING = [9.0, 8, 7, 6, 5, 4, 3], [3.0, 2, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([FALLING], "approximately"),
        # One training decides nothing, and seven epochs do not show what more would give.
        ([RISING], "ambiguous"),
        ([FALLING, [x + 0.1 for x in FALLING]], "approximately"),
        ([FALLING, RISING], "ambiguous"),
        ([RISING, [x + 0.1 for x in RISING]], "contradicted"),
        ([[*FALLING, 2.0, 1.0]], "approximately"),
        ([[*FALLING, 2.0, 1.0], [*FALLING, 2.1, 1.1]], "confirmed"),
        ([[*FALLING, 5.0, 5.0], [*FALLING, 5.1, 5.1]], "contradicted"),
    ],
)
def test_a_loss_that_still_falls_points_to_a_longer_training(
    losses: list[list[float]], expected: str
) -> None:
    found = claim("longer-training", histories=both_histories(*losses))
    assert found.verdict.value == expected
    assert (found.interval is None) == ("One seed" in found.reason) == (len(losses) == 1)


def test_gains_by_hand() -> None:
    assert gain([9, 4, 4, 3, 2, 1], printed=7) == pytest.approx((3.5 - 1.5) / 3.5)
    assert gain([4, 4, 2, 3, 1, 5], printed=4) == pytest.approx(0.5)
    assert gain([4, 4, 2, 3, 3, 5], printed=4) == pytest.approx(-0.5)
    short = {n: history(3, 2) for n in (XCEPTION, RESNET)}
    assert "over four epochs" in claim("longer-training", histories=short).reason


def test_frequent_ages_are_predicted_better_or_not() -> None:
    def of(value: float, half: float = 1.0) -> dict[str, Any]:
        return {n: interval("difference_months", value, half) for n in TITLES}

    name = "frequent-ages-better"
    assert verdict(name, frequent=of(-3)) == "confirmed"
    assert verdict(name, frequent=of(3)) == "contradicted"
    uniform = {n: {"draws_per_cell": 500} for n in TITLES}
    assert verdict(name, frequent=of(-3), settings=uniform) == "approximately"
    assert verdict(name, frequent=of(3), settings=uniform) == "ambiguous"
    assert "meant to undo it" in claim(name, frequent=of(3), settings=uniform).reason
    assert claim(name, frequent=dict.fromkeys(TITLES)).value is None


def test_patches_are_steadier_than_every_other_network() -> None:
    def rows(own: float, sd: float = 0.5, seeds: int = 5) -> list[dict[str, Any]]:
        return [
            {"name": n, "kind": "member", "seeds": seeds, "mae_sd_months": s}
            | interval("deviation_months", d, 0.2)
            for n, d, s in ((RESNET, own, sd), (XCEPTION, 2.0, 1.0), (INCEPTION, 3.0, 1.0))
        ]

    name = "patches-steadier"
    assert verdict(name, ensemble_over_seeds=rows(1.0)) == "confirmed"
    assert verdict(name, ensemble_over_seeds=rows(1.0, seeds=4)) == "approximately"
    assert verdict(name, ensemble_over_seeds=rows(1.0, sd=2.0)) == "approximately"
    assert verdict(name, ensemble_over_seeds=rows(1.8)) == "approximately"
    assert verdict(name, ensemble_over_seeds=rows(2.9)) == "contradicted"
    assert claim(name, ensemble_over_seeds=rows(1.0)[:1]).value is None


def test_the_plateau_callback_acts_or_not() -> None:
    settings = {n: {"schedule": "plateau", "plateau_patience": 2} for n in TITLES}
    lowered = {n: history(3, 2, rates=(1e-3, 5e-4)) for n in TITLES}
    kept = {n: history(3, 2) for n in TITLES}
    name = "plateau-fires"
    # It acts by a patience that was chosen here.
    assert verdict(name, settings=settings, histories=lowered) == "ambiguous"
    assert verdict(name, settings=settings, histories=kept) == "contradicted"
    others = {n: {"schedule": "constant"} for n in TITLES}
    assert claim(name, settings=others, histories=kept).value is None


def study(first: str, **less: tuple[float, list[float]]) -> dict[str, Any]:
    """An ablation: the reference, and other arms' differences to it with their intervals."""
    seeds = {"seed": [0, 1, 2], "updates": [100, 100, 100]}
    others = {
        name: {**seeds, "difference_months": value, "interval": interval}
        for name, (value, interval) in less.items()
    }
    network = RESNET if first == "caffe" else XCEPTION
    return {"network": network, "n": 70, "arms": {first: dict(seeds), **others}}


def test_ablations_over_seeds() -> None:
    worse, better, open_ = (4.0, [3.0, 5.0]), (-4.0, [-5.0, -3.0]), (0.1, [-1.0, 1.0])
    schedules = {"schedules": study("plateau", sawtooth=worse, exponential=open_)}
    assert verdict("schedule-ablation", ablations=schedules) == "confirmed"
    told = claim("schedule-ablation", ablations=schedules)
    assert "one decay" in told.measured
    assert told.measured.startswith("Xception on 70 validation radiographs, sawtooth less plateau")
    assert "3 seeds" in told.reason
    assert "choose the epoch" in told.reason
    turned = {"schedules": study("plateau", sawtooth=better)}
    assert verdict("schedule-ablation", ablations=turned) == "contradicted"

    helps = {"resampling": study("resampled", as_it_is=worse)}
    # "In each architecture", of which one is tried.
    assert verdict("resampling-helps", ablations=helps) == "approximately"
    found = claim("resampling-helps", ablations=helps)
    assert "untouched" not in found.test + found.reason and "Xception" in found.test
    assert (found.value, found.interval) == (-4.0, (-5.0, -3.0))
    hardly = {"resampling": study("resampled", as_it_is=open_)}
    assert verdict("resampling-helps", ablations=hardly) == "ambiguous"
    assert "not significant" in claim("resampling-helps", ablations=hardly).reason
    harms = {"resampling": study("resampled", as_it_is=better)}
    assert verdict("resampling-helps", ablations=harms) == "contradicted"
    helps["resampling"]["arms"]["resampled"]["updates"] = [200, 200, 200]
    assert verdict("resampling-helps", ablations=helps) == "ambiguous"

    forms = {"input_form": study("caffe", tf=worse)}
    assert verdict("input-form", ablations=forms) == "contradicted"
    forms = {"input_form": study("caffe", tf=better)}
    assert verdict("input-form", ablations=forms) == "confirmed"
    for name in ("schedule-ablation", "resampling-helps", "input-form"):
        assert "not measured in this run" in claim(name).reason
        assert claim(name, ablations={}).verdict is Verdict.NOT_TESTABLE


COUNTS = {row.size: row.patches for row in TABLE_5}


def patch_study(values: dict[int, float], key: str, seeds: int = 1) -> list[dict[str, Any]]:
    return [
        {"patch_size": size, "patch_count": COUNTS[size], "seed": seed, key: value + seed}
        for size, value in values.items()
        for seed in range(seeds)
    ]


UP, DOWN = {224: 1.0, 128: 2.0, 64: 3.0, 32: 4.0}, {224: 4.0, 128: 3.0, 64: 2.0, 32: 1.0}


def test_patch_sizes_by_training_loss_and_fairly() -> None:
    assert verdict("patch-losses", patch_size_study=patch_study(UP, "loss")) == "confirmed"
    mixed = patch_study(UP | {64: 1.5}, "loss")
    assert verdict("patch-losses", patch_size_study=mixed) == "approximately"
    assert verdict("patch-losses", patch_size_study=patch_study(DOWN, "loss")) == "contradicted"

    name, printed = "small-patches-worse", patch_study(UP, "mae_months")
    assert verdict(name, patch_size_study=printed) == "approximately"  # one seed, no interval
    apart = [row | {"low": row["mae_months"] - 0.1, "high": row["mae_months"]} for row in printed]
    assert verdict(name, patch_size_study=apart) == "confirmed"
    fair = patch_study(DOWN, "mae_months", seeds=3)
    assert verdict(name, patch_size_study=apart, patch_size_fair=fair) == "contradicted"
    assert "Equal numbers of updates" in claim(name, patch_size_fair=fair).reason
    fair = patch_study(UP, "mae_months", seeds=3)
    assert verdict(name, patch_size_study=printed, patch_size_fair=fair) == "confirmed"


def test_patches_at_test_time() -> None:
    def records(low: float, high: float) -> list[dict[str, Any]]:
        same = {"places": "random", "combined": "mean", "lowest": 13.0, "highest": 13.4}
        difference = {"difference_months": 1.0, "difference_low": low, "difference_high": high}
        return [
            {**same, "patches": 1, "mae_months": 14.2, **difference},
            {**same, "patches": 3, "mae_months": 13.2},
            {**same, "places": "grid", "patches": 49, "mae_months": 12, "lowest": None},
        ]

    name = "patches-at-test"
    assert verdict(name, patches_at_test=records(0.5, 1.5)) == "ambiguous"
    assert verdict(name, patches_at_test=records(-0.5, 2.5)) == "confirmed"
    assert "49 grid, mean: 12.0 months" in claim(name, patches_at_test=records(0, 1)).measured


def ensemble(difference: float, **more: Any) -> dict[str, Any]:
    return {
        "name": "normalized",
        "kind": "ensemble",
        "mae_months": 10,
        "best_member": RESNET,
        "weight_sum": 1.0,
        "difference_months": difference,
        "difference_months_ci": [difference - 0.5, difference + 0.5],
        **more,
    }


def interval(key: str, value: float, half: float = 0.5) -> dict[str, Any]:
    return {key: value, f"{key}_ci": [value - half, value + half]}


def test_an_ensemble_against_its_best_member() -> None:
    fair = "validation_best_difference_months"
    rows = [ensemble(-1), ensemble(3, name="as_printed", weight_sum=0.7, **interval(fair, 2))]
    correlation = {n: {m: 0.5 + 0.1 * (n != m) for m in TABLE_6} for n in TABLE_6}
    better = claim("ensemble-beats-best", ensemble=rows, error_correlation=correlation)
    assert better.verdict is Verdict.CONFIRMED and "errors correlate 0.60" in better.measured
    assert verdict("ensemble-as-printed", ensemble=rows) == "contradicted"
    assert "sum to 0.7" in claim("ensemble-as-printed", ensemble=rows).measured
    worse = [ensemble(1, **interval(fair, 0.8))]
    assert verdict("ensemble-beats-best", ensemble=worse) == "contradicted"


@pytest.mark.parametrize("fair", [{}, interval("validation_best_difference_months", 0.2)])
def test_losing_to_a_member_chosen_on_test_contradicts_nothing(fair: dict[str, Any]) -> None:
    found = claim("ensemble-beats-best", ensemble=[ensemble(1, **fair)])
    assert found.verdict is Verdict.AMBIGUOUS
    assert "without a look at test" in found.reason


def changed(rise: float, error: float | None) -> list[dict[str, Any]]:
    """An ensemble on changed radiographs, less its best member."""
    of_error = {} if error is None else interval("changed_difference_months", error)
    row = {"name": "normalized", "best_member": RESNET}
    return [row | interval("increase_difference_months", rise) | of_error]


def spread(less: float, own_sd: float, sd: float = 0.5, seeds: int = 5) -> list[dict[str, Any]]:
    """An ensemble over seeds, less its steadiest member."""
    row = {"name": "normalized", "steadiest_member": RESNET, "seeds": seeds}
    row |= {"mae_sd_months": own_sd} | interval("deviation_difference_months", less)
    return [{"name": RESNET, "seeds": seeds, "mae_sd_months": sd}, row]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"ensemble_robustness": changed(-2, -1)}, "confirmed"),
        # A rise that is smaller because the error on clean radiographs is larger.
        ({"ensemble_robustness": changed(-2, 3)}, "ambiguous"),
        ({"ensemble_robustness": changed(-2, 0.2)}, "approximately"),
        ({"ensemble_robustness": changed(-2, None)}, "approximately"),
        ({"ensemble_robustness": changed(2, 3)}, "contradicted"),
        ({"ensemble_over_seeds": spread(-2, 0.2)}, "confirmed"),
        ({"ensemble_over_seeds": spread(-2, 0.2, seeds=4)}, "approximately"),
        ({"ensemble_over_seeds": spread(-2, 0.7)}, "approximately"),
        ({"ensemble_over_seeds": spread(1, 0.7)}, "contradicted"),
        (
            {
                "ensemble_robustness": changed(-2, -1),
                "ensemble_over_seeds": spread(-2, 0.2, seeds=2),
            },
            "approximately",
        ),
        (
            {"ensemble_robustness": changed(-2, -1), "ensemble_over_seeds": spread(1, 0.7)},
            "ambiguous",  # its readings disagree
        ),
    ],
)
def test_an_ensemble_is_robust_by_changed_radiographs_and_by_seeds(
    results: dict[str, Any], expected: str
) -> None:
    assert verdict("ensemble-robust", **results) == expected
    measured = claim("ensemble-robust", **results).measured
    assert ("over seeds" in measured) == ("ensemble_over_seeds" in results)


def gaps(smallest: float, weighted: float) -> list[dict[str, Any]]:
    """An ensemble's train-validation gap less its members'."""
    members = [{"name": n, "kind": "member", "gap_months": 3} for n in TABLE_6]
    against = interval("gap_less_smallest_months", smallest)
    against |= interval("gap_less_members_months", weighted)
    return [*members, ensemble(0, gap_months=2, smallest_gap_member=RESNET, **against)]


@pytest.mark.parametrize(
    ("over_radiographs", "over_seeds", "expected"),
    [
        (gaps(-1, -2), [], "confirmed"),
        (gaps(0.2, -2), [], "approximately"),  # weights alone could do that
        (gaps(0.2, -0.2), [], "approximately"),
        (gaps(3, 2), [], "contradicted"),
        (gaps(3, 0.2), [], "ambiguous"),
        (gaps(-1, -2), gaps(-1, -2), "confirmed"),
        (gaps(-1, -2), gaps(0.3, -2), "approximately"),
        (gaps(-1, -2), gaps(3, 2), "ambiguous"),  # the two disagree
        (gaps(3, 2), gaps(3, 2), "contradicted"),
    ],
)
def test_an_ensemble_overfits_less_or_not(
    over_radiographs: list[Any], over_seeds: list[Any], expected: str
) -> None:
    results = {"ensemble": over_radiographs, "ensemble_over_seeds": over_seeds}
    found = claim("ensemble-less-overfitting", **results)
    assert found.verdict.value == expected
    assert ("One seed" in found.reason) == (not over_seeds)
    if expected == "confirmed":
        assert found.interval == (-1.5, -0.5)


def built(**changes: Any) -> dict[str, Any]:
    """What the built networks say, as they are; changes by network and key."""
    networks: dict[str, dict[str, Any]] = {
        name: {
            "side": 500,
            "trainable": row.trainable,
            "frozen": row.frozen,
            "gflops": {INCEPTION: 33.5, XCEPTION: 45.3}.get(name, 8.0),
            "base_trainable": 0,
            "base_unchanged": True,
        }
        for name, row in TABLE_3.items()
    }
    networks["xception_attention"] = {**networks[XCEPTION], "trainable": 311_709}
    for name, values in changes.items():
        networks[name] = networks[name] | values
    return {"networks": networks}


def built_verdicts(facts: dict[str, Any]) -> dict[str, str]:
    return {found.id: found.verdict.value for found in built_claims(facts)}


def test_what_the_built_networks_decide() -> None:
    found = built_verdicts(built())
    assert found["table-3-built"] == "confirmed"
    assert found["attention-built"] == "ambiguous"
    assert found["frozen-base"] == "confirmed"
    assert found["xception-cheaper"] == "contradicted"
    assert found["xception-faster"] == found["paper-protocol"] == "not testable here"
    turned = built(
        inception_v3={"gflops": 60.0, "trainable": 1}, xception={"base_unchanged": False}
    )
    found = built_verdicts(turned)
    assert found["table-3-built"] == found["frozen-base"] == "approximately"
    assert found["xception-cheaper"] == "confirmed"
    assert set(built_verdicts({}).values()) == {"not testable here"}


def test_speed_and_settings() -> None:
    speed = {XCEPTION: {"a": 3.0, "b": 4.0}, INCEPTION: {"a": 5.0, "b": 6.0, "c": 1.0}}
    assert built_verdicts({"speed": speed})["xception-faster"] == "contradicted"
    speed[XCEPTION]["b"] = 7.0
    assert built_verdicts({"speed": speed})["xception-faster"] == "approximately"
    own = {"epochs": 7, "batch_size": 8, "learning_rate": 1e-3, "patch_count": 3, "patch_size": 224}
    settings = {name: dict(own) for name in TABLE_4}
    full = {"settings": settings, "image_size": 500}
    assert built_verdicts(full)["paper-protocol"] == "confirmed"
    found = {c.id: c for c in built_claims(full | {"image_size": 100})}["paper-protocol"]
    assert found.verdict is Verdict.APPROXIMATELY
    assert "14 of 15" in found.measured and "radiographs of 100 px" in found.measured
    settings[RESNET]["epochs"] = 20
    found = {c.id: c for c in built_claims(full)}["paper-protocol"]
    assert found.verdict is Verdict.APPROXIMATELY
    assert "14 of 15" in found.measured and "epochs 20" in found.measured
