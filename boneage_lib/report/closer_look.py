"""A closer look at one trained network, in words: its robustness, and where it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from boneage_lib.evaluation.perturbations import CONDITIONS, Condition
from boneage_lib.evaluation.robustness import robustness
from boneage_lib.evaluation.robustness_summary import UNCHANGED, robustness_summary
from boneage_lib.evaluation.saliency import Saliency, occlusion, saliency
from boneage_lib.evaluation.saliency_summary import saliency_numbers
from boneage_lib.evaluation.subset import spread_over_ages, worst_radiographs
from boneage_lib.report.run import Run
from boneage_lib.report.saliency_pictures import write_saliency_pictures
from boneage_lib.report.tables import show
from boneage_lib.report.tables.saliency import share_range
from boneage_lib.report.wording import with_limits

if TYPE_CHECKING:  # Keras takes seconds to load.
    from boneage_lib.data import Cohort
    from boneage_lib.training import Reader


@dataclass(frozen=True)
class Look:
    """Where a network looks.

    Attributes:
        seen: of radiographs that stand for the test set.
        cases: of the radiographs it errs on most, worst first.
        covered: their `boneage_lib.evaluation.saliency.occlusion`.
    """

    seen: Saliency
    cases: Saliency
    covered: np.ndarray


def show_robustness(run: Run, reader: Reader, cohort: Cohort, count: int) -> Any:
    """Ask a network again about changed test radiographs, keep its answers, and show its errors.

    Args:
        run: gets ``results/robustness/<network>.csv``.
        reader: the network.
        cohort: of the run.
        count: radiographs, spread evenly over the ages; 0 takes all.
    """
    changed = robustness(reader, *spread_over_ages(cohort, count))
    run.write_table(f"results/robustness/{reader.spec.name}.csv", changed)
    return show(
        robustness_table(changed),
        f"Errors on {changed['id'].nunique()} changed radiographs, and how far answers move, "
        "months; 95 % intervals in parentheses.",
    )


def look(reader: Reader, cohort: Cohort, predictions: pd.DataFrame, count: int, cases: int) -> Look:
    """Saliency of test radiographs, and of the worst errors, these by occlusion, too.

    Args:
        reader: the network.
        cohort: of the run.
        predictions: the network's, of the test radiographs.
        count: radiographs, spread evenly over the ages; 0 takes all.
        cases: worst errors, 1 or more.
    """
    seen = saliency(reader, *spread_over_ages(cohort, count))
    worst = worst_radiographs(cohort, predictions, cases)
    return Look(seen, saliency(reader, *worst), occlusion(reader, *worst))


def show_saliency(run: Run, network: str, looked: Look, data: dict[str, Any]) -> Any:
    """Keep what the maps come to as ``results/saliency/<network>.json``, and say it.

    Args:
        run: where it goes.
        network: the network's name.
        looked: see `look`.
        data: what the network was tried on, as `boneage_lib.report.results.keep` returns it.
    """
    numbers = saliency_numbers(looked.seen, looked.cases, looked.covered)
    run.write_json(f"saliency/{network}.json", {"data": data, **numbers})
    for part in (looked.seen, looked.cases):
        write_saliency_pictures(run, network, part.labels["id"].tolist(), part.maps)
    return saliency_sentence(numbers)


def robustness_table(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Errors under every change, and how far answers move, in words.

    Args:
        table: what `boneage_lib.evaluation.robustness.robustness` gives.
        seed: seed of the bootstraps.
    """
    known = {condition.name: condition for condition in CONDITIONS}
    rows = []
    for found in robustness_summary(table, seed).to_dict("records"):
        name, strength = str(found["condition"]), float(found["strength"])
        own, same = known.get(name), name == UNCHANGED
        on = own is None or len(own.strengths) == 1
        rows.append(
            {
                "change": "none" if same else (own.title.lower() if own else name),
                "strength": "—" if same or on else _strength(own, strength),
                "mean absolute error": _interval(found, "mae"),
                "more than without": "—" if same else _interval(found, "change"),
                "answers move by": "—" if same else f"{found['moved_months']:.1f}",
            }
        )
    return pd.DataFrame(rows).set_index(["change", "strength"])


def saliency_sentence(numbers: dict[str, Any]) -> Any:
    """Two computed sentences: how much of the saliency lies on hands, and what occlusion says.

    Args:
        numbers: what `boneage_lib.evaluation.saliency_summary.saliency_numbers` gives.
    """
    sentences = ["No radiograph shows a hand's silhouette."]
    if numbers["n"]:
        inside, area = (share_range(numbers, name, 100, 0) for name in ("inside_hand", "hand_area"))
        sentences = [
            f"On {numbers['n']} test radiographs **{inside} %** of the saliency lies on the hand, "
            f"which takes up {area} % of the picture."
        ]
    if numbers["cases"]:
        correlation = share_range(numbers, "rank_correlation", 1, 2)
        worst = (
            "radiograph with the worst error"
            if numbers["cases"] == 1
            else f"{numbers['cases']} radiographs with the worst errors"
        )
        sentences.append(
            f"On the {worst}, shown above, the ranks that Grad-CAM and occlusion give to places "
            f"correlate at **{correlation}** (1: the same order)."
        )
    return Markdown(" ".join(sentences))


def _strength(own: Condition | None, strength: float) -> str:
    """A strength with its unit; turned the other way rather than by less than zero degrees."""
    if own is None:
        return f"{strength:g}"
    if strength < 0 and own.unit.endswith("counterclockwise"):
        return f"{-strength:g} {own.unit.replace('counterclockwise', 'clockwise')}"
    return f"{strength:g} {own.unit}".replace("-", "\N{MINUS SIGN}")


def _interval(found: dict[Any, Any], name: str) -> str:
    value, low, high = (float(found[f"{name}_{part}"]) for part in ("months", "low", "high"))
    return with_limits(value, low, high)
