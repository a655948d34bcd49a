"""Claims about patches: their number and size, and how a radiograph is scored from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.findings import Results, absent, lower_error, over_seeds, told
from boneage_lib.paper.published import number
from boneage_lib.paper.signs import signed
from boneage_lib.paper.statements import stated


def patch_claims(run_results: Results) -> list[Claim]:
    """Training loss by patch size as printed, its fair version, and patches at test time."""
    return [_losses(run_results), _errors(run_results), _at_test(run_results)]


#: A row of Table 5 at a run's image size: side of the patches (pixels) and how many of them.
Setting = tuple[int, int]
Record = Mapping[str, Any]


def _settings(records: Iterable[Record], key: str) -> dict[Setting, list[Record]]:
    """Records that hold ``key`` by setting, the smallest patches first."""
    found: dict[Setting, list[Record]] = {}
    for record in records:
        if record.get(key) is not None:
            setting = int(record["patch_size"]), int(record["patch_count"])
            found.setdefault(setting, []).append(record)
    return dict(sorted(found.items()))


def _named(setting: Setting) -> str:
    size, count = setting
    return f"{count} of {size}²"


def _losses(run_results: Results) -> Claim:
    settings = _settings(run_results.get("patch_size_study") or (), "loss")
    losses = {
        setting: float(np.mean([row["loss"] for row in rows])) for setting, rows in settings.items()
    }
    half: dict[str, Any]
    if len(losses) < 2:
        half = absent("training losses by patch size")
    else:
        values = list(losses.values())
        sizes = [size for size, _ in losses]
        rank = float(stats.spearmanr(sizes, values).statistic) if len(set(sizes)) > 2 else None
        half = {
            "measured": "; ".join(f"{_named(s)}: {loss:.3f}" for s, loss in losses.items())
            + " z²"
            + ("" if rank is None else f"; rank correlation {signed(rank, 2, plus=True)}"),
            "value": values[-1] - values[0],
            "interval": None,
            "verdict": Verdict.CONFIRMED
            if bool(np.all(np.diff(values) < 0))
            else (Verdict.APPROXIMATELY if values[-1] == min(values) else Verdict.CONTRADICTED),
            "reason": "Asked for: a loss that falls with every step in size; the lowest for the "
            "largest alone is approximate. One training; a loss of single patches, not of "
            "radiographs.",
        }
    return stated(
        "patch-losses", test="Mean training loss of single patches over one epoch.", **half
    )


def _errors(run_results: Results) -> Claim:
    fair = run_results.get("patch_size_fair") or ()
    settings = _settings(fair or run_results.get("patch_size_study") or (), "mae_months")
    half: dict[str, Any]
    if len(settings) < 2:
        half = absent("errors by patch size")
    else:
        half = _by_setting(settings) | {
            "reason": "Asked for: a lower error for the largest patches than for every other "
            "size, over seeds (with one seed, by radiographs); lowest on average alone is "
            "approximate. "
            + (
                "Equal numbers of updates and of patches a batch."
                if fair
                else "One epoch of each setting, as in the paper: batches grow with the number of "
                "patches."
            )
        }
    return stated(
        "small-patches-worse",
        test="Mean absolute error of validation radiographs by patch size, over seeds.",
        **half,
    )


def _by_setting(settings: Mapping[Setting, Sequence[Record]]) -> dict[str, Any]:
    """Errors of the largest patches against every other setting, by seed where it can be."""
    errors = {s: [float(row["mae_months"]) for row in rows] for s, rows in settings.items()}
    means = {setting: float(np.mean(values)) for setting, values in errors.items()}
    *others, largest = settings
    arms = {
        setting: {
            "seed": [int(row.get("seed", number)) for number, row in enumerate(rows)],
            "mae_months": errors[setting],
        }
        for setting, rows in settings.items()
    }
    differences = [over_seeds(arms[largest], arms[other]) for other in others]
    known = [found for found in differences if found is not None]
    measured = "; ".join(
        f"{_named(setting)}: {means[setting]:.1f} ({len(values)} seed"
        f"{'' if len(values) == 1 else 's'})"
        for setting, values in errors.items()
    )
    interval = None
    if len(known) == len(others):
        verdict, _ = lower_error(*([found] for found in known))
        weakest = max(known, key=lambda each: each[0])
        value, interval = weakest[0], weakest[1:]
        measured += f" months; {_named(largest)} less the next best {told(weakest)}"
    else:
        value = means[largest] - min(means[other] for other in others)
        measured += " months"
        if value >= 0:
            verdict = Verdict.CONTRADICTED
        else:
            verdict = Verdict.CONFIRMED if _apart(settings, largest) else Verdict.APPROXIMATELY
    return {"measured": measured, "value": value, "interval": interval, "verdict": verdict}


def _apart(settings: Mapping[Setting, Sequence[Record]], largest: Setting) -> bool:
    """True where the largest patches' interval ends below where that of every other begins."""
    if not all({"low", "high"} <= set(row) for rows in settings.values() for row in rows):
        return False
    high = max(float(row["high"]) for row in settings[largest])
    others = [row for setting, rows in settings.items() if setting != largest for row in rows]
    return all(high < float(row["low"]) for row in others)


def _at_test(run_results: Results) -> Claim:
    records = {
        (record["places"], int(record["patches"]), record["combined"]): record
        for record in run_results.get("patches_at_test") or ()
    }
    printed = int(number("patches_per_image"))
    one, as_printed = (records.get(("random", count, "mean")) for count in (1, printed))
    half: dict[str, Any]
    if one is None or as_printed is None or one.get("difference_low") is None:
        half = absent(f"test errors of single patches and of means over {printed}")
    else:
        found = tuple(float(one[f"difference_{end}"]) for end in ("months", "low", "high"))
        half = {
            "measured": "; ".join(_told(record) for record in records.values())
            + f" months; one patch less {printed} {told((found[0], found[1], found[2]))}",
            "value": found[0],
            "interval": (found[1], found[2]),
            "verdict": Verdict.AMBIGUOUS if found[1] > 0 or found[2] < 0 else Verdict.CONFIRMED,
            "reason": "Whether a radiograph's patches are scored one by one or averaged is not "
            "said. It matters if the interval of the difference excludes zero; and whoever draws "
            "at random scores differently each time.",
        }
    return stated(
        "patches-at-test",
        test="Mean absolute error on test by number, places and average of the patches; range over "
        "several draws.",
        **half,
    )


def _told(record: Mapping[str, Any]) -> str:
    text = (
        f"{record['patches']:g} {record['places']}"
        + ("" if record["patches"] == 1 else f", {record['combined']}")
        + f": {record['mae_months']:.1f}"
    )
    low, high = record.get("lowest"), record.get("highest")
    return text if low is None or high is None else f"{text} (draws {low:.1f} to {high:.1f})"
