"""Claims about patches: their number and size, and how a radiograph is scored from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from boneage_lib.paper.claim import Claim, Verdict
from boneage_lib.paper.findings import Results, absent, lower_error, over_seeds, told
from boneage_lib.paper.published import number
from boneage_lib.paper.statements import stated


def patch_claims(run_results: Results) -> list[Claim]:
    """Training loss by patch size as printed, its fair version, and patches at test time."""
    return [_losses(run_results), _errors(run_results), _at_test(run_results)]


def _losses(run_results: Results) -> Claim:
    losses = {
        int(record["patch_size"]): float(record["loss"])
        for record in run_results.get("patch_size_study") or ()
        if record.get("loss") is not None
    }
    half: dict[str, Any]
    if len(losses) < 2:
        half = absent("training losses by patch size")
    else:
        sizes = sorted(losses)
        values = [losses[size] for size in sizes]
        rank = float(stats.spearmanr(sizes, values).statistic) if len(sizes) > 2 else None
        half = {
            "measured": "; ".join(f"{size}²: {losses[size]:.3f}" for size in sizes)
            + " z²"
            + ("" if rank is None else f"; rank correlation {rank:+.2f}"),
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
    records = fair or run_results.get("patch_size_study") or ()
    by_size: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        if record.get("mae_months") is None:
            continue
        by_size.setdefault(int(record["patch_size"]), []).append(record)
    half: dict[str, Any]
    if len(by_size) < 2:
        half = absent("errors by patch size")
    else:
        half = _by_size(by_size) | {
            "reason": "Asked for: a lower error for the largest patches than for every other size, "
            "over seeds (with one seed, by radiographs); lowest on average alone is approximate. "
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


def _by_size(by_size: Mapping[int, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Errors of the largest patches against every other size, paired by seed where it can be."""
    sizes = sorted(by_size)
    errors = {size: [float(row["mae_months"]) for row in by_size[size]] for size in sizes}
    means = {size: float(np.mean(errors[size])) for size in sizes}
    largest = sizes[-1]
    arms = {
        size: {
            "seed": [int(row.get("seed", number)) for number, row in enumerate(by_size[size])],
            "mae_months": errors[size],
        }
        for size in sizes
    }
    differences = {size: over_seeds(arms[largest], arms[size]) for size in sizes[:-1]}
    known = [found for found in differences.values() if found is not None]
    measured = "; ".join(
        f"{size}²: {means[size]:.1f} ({len(errors[size])} seed"
        f"{'' if len(errors[size]) == 1 else 's'})"
        for size in sizes
    )
    interval = None
    if len(known) == len(sizes) - 1:
        verdict, _ = lower_error(known)
        weakest = max(known, key=lambda each: each[0])
        value, interval = weakest[0], weakest[1:]
        measured += f" months; {largest}² less the next best {told(weakest)}"
    else:
        value = means[largest] - min(means[size] for size in sizes[:-1])
        measured += " months"
        if value >= 0:
            verdict = Verdict.CONTRADICTED
        else:
            verdict = Verdict.CONFIRMED if _apart(by_size, largest) else Verdict.APPROXIMATELY
    return {"measured": measured, "value": value, "interval": interval, "verdict": verdict}


def _apart(by_size: Mapping[int, Sequence[Mapping[str, Any]]], largest: int) -> bool:
    """True where the largest patches' interval ends below that of every other size begins."""
    if not all({"low", "high"} <= set(row) for rows in by_size.values() for row in rows):
        return False
    high = max(float(row["high"]) for row in by_size[largest])
    others = [row for size, rows in by_size.items() if size != largest for row in rows]
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
