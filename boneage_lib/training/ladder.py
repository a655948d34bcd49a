"""The ladder from the paper's recipe to a better one: what is tried, one step after another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from boneage_lib.errors import InputError
from boneage_lib.training.tuning import Tuning

#: The first rung: nothing is changed.
PAPER = "paper"
#: How many times as wide a network sees radiographs that goes on from another's weights.
LARGER = 1.5


@dataclass(frozen=True)
class Rung:
    """One change to the best recipe so far, or several at once.

    Attributes:
        name: in files and parameters.
        title: in print; `rungs_named` adds the rate, to which joined changes lead together.
        change: settings of `Tuning` that become others.
        why: it may help.
    """

    name: str
    title: str
    change: dict[str, Any]
    why: str


RUNGS = {
    rung.name: rung
    for rung in (
        Rung(PAPER, "the paper's recipe, shortened", {}, "where the paper stands: a frozen base"),
        Rung(
            "unfrozen",
            "the base trained too",
            {"base": "trained", "learning_rate": 1e-4},
            "ImageNet's features know no bones",
        ),
        Rung(
            "batches",
            "batches of 32",
            {"batch_size": 32, "learning_rate": 3e-4},
            "steadier gradients allow larger steps, and the processor is used better",
        ),
        Rung(
            "cosine",
            "AdamW, warmed up, then along a cosine to 0",
            {"schedule": "cosine", "warm_up": 0.05, "weight_decay": 0.01, "learning_rate": 6e-4},
            "large steps early and small ones late",
        ),
        Rung(
            "slower_base",
            "the base at a third of the head's rate",
            {"base_rate": 0.3},
            "what ImageNet taught should change less than a head that begins with nothing",
        ),
        Rung(
            "absolute",
            "absolute in place of squared error",
            {"loss": "mae"},
            "it is what is measured, and no outlier rules it",
        ),
        Rung(
            "natural",
            "radiographs as they come, each equally often",
            {"sampling": "natural"},
            "resampling shows rare ages again and again, and many common ones never",
        ),
        Rung(
            "weighted",
            "drawn anew every epoch, rare ages more often",
            {"sampling": "weighted"},
            "between the two",
        ),
        Rung(
            "light",
            "lighter augmentation",
            {"augmentation": "light"},
            "Table 2's zoom hides how large a hand is",
        ),
        Rung(
            "wide",
            "wider augmentation",
            {"augmentation": "wide"},
            "hands lie askew by more than Table 2's five degrees",
        ),
        Rung(
            "statistics",
            "batch-norm trained, too, on statistics of radiographs",
            {"batch_norm": "trained"},
            "ImageNet's are those of color photographs",
        ),
        Rung(
            "enlarged",
            "radiographs enlarged by half for the base",
            {"enlarge": 1.5},
            "the base was trained on pictures of 299 pixels",
        ),
        Rung(
            "equalized",
            "contrast equalized first",
            {"equalize": True},
            "exposures range from very dark to very bright",
        ),
    )
}


def rungs_named(names: str) -> list[Rung]:
    """Rungs above the paper's from their names with commas between; ``all`` for every one.

    Names with a plus between them are one step that makes all their changes, later ones last.

    Raises:
        InputError: an unknown name, or one twice.
    """
    if names.strip() == "all":
        return [_joined([rung]) for rung in RUNGS.values() if rung.name != PAPER]
    steps = [
        [name.strip() for name in step.split("+")] for step in names.split(",") if step.strip()
    ]
    wanted = [name for step in steps for name in step]
    if unknown := [name for name in wanted if name not in RUNGS]:
        raise InputError(
            f"Found the steps {', '.join(unknown)}; expected all, or some of {', '.join(RUNGS)}."
        )
    if len(set(wanted)) < len(wanted):
        raise InputError(f"Found a step twice in {names!r}; expected each once.")
    return [_joined([RUNGS[name] for name in step]) for step in steps if step != [PAPER]]


def _joined(rungs: list[Rung]) -> Rung:
    """Several changes as one step, whose title ends with the rate that they lead to."""
    change = {key: value for rung in rungs for key, value in rung.change.items()}
    names, titles, reasons = zip(*((r.name, r.title, r.why) for r in rungs), strict=True)
    rate = [f"rate {change['learning_rate']:g}"] if "learning_rate" in change else []
    return Rung("+".join(names), "; ".join([*titles, *rate]), change, "; ".join(reasons))


def larger_name(number: int) -> str:
    """Of the network that a round at a larger size ends with, from 1."""
    return f"larger_{number}"


def made_larger(best: Tuning, epochs: int, rounds: int) -> Rung:
    """Going on from the best network on larger radiographs, moved further, at half its rate.

    Args:
        best: how that network was trained.
        epochs: of all training radiographs, a round.
        rounds: each with a seed of its own, so that it shows views that were not seen before.
    """
    change = {
        "epochs": epochs,
        "epoch_draws": 0,
        "enlarge": LARGER * best.enlarge,
        "augmentation": "wide",
        "learning_rate": best.learning_rate / 2,
    }
    how_often = f"{rounds} times " if rounds > 1 else ""
    return Rung(
        "larger",
        f"{how_often}{epochs} epochs more, enlarged by half; wider augmentation; rate "
        f"{change['learning_rate']:g}",
        change,
        "a base finds more in larger pictures; moved further, they are harder to learn by heart",
    )


def check_together(larger: int, members: int) -> None:
    """Raise InputError where going on at a larger size meets several trainings."""
    if larger and members > 1:
        raise InputError(
            f"Found larger={larger} with members={members}; expected larger=0 or members=1: a "
            "member repeats one training, and a network that went on had two."
        )


def tried_on(best: Tuning, rung: Rung) -> Tuning:
    """The best recipe so far with a rung's change."""
    return replace(best, **rung.change)
