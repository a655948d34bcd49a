"""Errors of networks and of their average, and what bases they had, as lines of Markdown."""

from __future__ import annotations

from typing import Any

from boneage_lib.paper.published import TITLES
from boneage_lib.report.wording import as_words, with_interval

#: The ensemble that stands beside the networks, as tables of ensembles name it.
PRINTED_WEIGHTS = "normalized"
_HEAD = [
    "| network | mean absolute error on test, first training (months, 95 % interval over "
    "radiographs) | mean over seeds (95 % interval over seeds) | a constant guess |",
    "|---|---|---|---|",
]


def network_table(measured: dict[str, Any]) -> list[str]:
    """A table of errors on test (months), one row a network and one for their average.

    Args:
        measured: content of a run's or a study's ``metrics.json``.
    """
    rows = [
        f"| {TITLES[name]} | {with_interval(found['test'], 'mae_months')} | {_seeds(found)} | "
        f"{found['constant']['mae_months']:.1f} |"
        for name, found in _networks(measured).items()
    ]
    if averaged := printed_average(measured):
        test, over = averaged
        seeds = (
            "one seed"
            if over is None
            else f"{with_interval(over, 'mae_months')}, {over['seeds']} seeds"
        )
        rows.append(
            "| their average by the printed weights, divided by their sum | "
            f"{with_interval(test, 'mae_months')} | {seeds} | "
            f"{measured['networks']['ensemble']['constant']['mae_months']:.1f} |"
        )
    return [*_HEAD, *rows]


def checkpoints(measured: dict[str, Any]) -> str:
    """Which checkpoints the bases had, each once."""
    found = {item["checkpoint"] for item in measured["bases"].values()}
    return as_words("; ".join(sorted(found)))


def lowest(measured: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The network whose mean error is lowest, and that error, months."""
    errors = {name: _mean_error(found) for name, found in _networks(measured).items()}
    best = min(errors, key=lambda name: errors[name]["mean"])
    return best, errors[best]


def over_how_many(found: dict[str, Any]) -> str:
    """Over how many seeds a network's error is a mean; nothing to say after one."""
    seeds = len(found.get("seeds", {"seed": [0]})["seed"])
    return f" over {seeds} seeds" if seeds > 1 else ""


def printed_average(
    measured: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
    """Scores on test of the average by the printed weights, months, and over several seeds."""
    if "ensemble" not in measured["networks"]:
        return None
    return measured["networks"]["ensemble"]["test"], over_seeds(measured).get(PRINTED_WEIGHTS)


def over_seeds(measured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Errors (months) of networks and ensembles over seeds by name; empty after one training."""
    return {row["name"]: row for row in measured.get("ensemble_over_seeds") or ()}


def _networks(measured: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was measured of each network, in the paper's order."""
    return {name: measured["networks"][name] for name in TITLES if name in measured["networks"]}


def _mean_error(found: dict[str, Any]) -> dict[str, Any]:
    """A network's mean error on test over its seeds, or of its one training, as ``mean``."""
    over, test = found.get("seeds", {"seed": []}), found["test"]
    if len(over["seed"]) < 2:
        return {"mean": test["mae_months"], "mean_ci": test["mae_months_ci"]}
    return dict(over["test"])


def _seeds(found: dict[str, Any]) -> str:
    over = found.get("seeds", {"seed": []})
    if len(over["seed"]) < 2:
        return "one seed"
    return with_interval(over["test"], "mean") + f", {len(over['seed'])} seeds"
