"""The two banks that a network's trainings share: of augmented views, and of held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from boneage_lib.bases import weights_kind
from boneage_lib.data import Cohort
from boneage_lib.networks import Network, network
from boneage_lib.training.extraction import Extractor
from boneage_lib.training.feature_bank import Bank, Progress, describe_bank, fill_bank
from boneage_lib.training.plan import check_trainable, draw_views, held_out, recipe, side
from boneage_lib.training.progress import reporter
from boneage_lib.training.settings import Settings
from boneage_lib.training.shards import Pair

PARTS = ("train", "held out")
#: What is predicted of each network, unaugmented; of the training set a sample.
SPLITS = ("train", "validation", "test")


def open_extractor(
    spec: Network,
    cohort: Cohort,
    settings: Settings,
    weights: str | Path | None,
    input_form: str | None = None,
    runtime: str = "auto",
    precision: str = "auto",
) -> Extractor:
    """The frozen base of a training; streaming runs it through Keras, in float32 by default."""
    streaming = settings.engine == "streaming"
    return Extractor(
        spec.backbone,
        side(spec, cohort, settings),
        weights,
        settings.views_seed,
        input_form,
        "keras" if streaming else runtime,
        "float32" if streaming and precision == "auto" else precision,
    )


def map_dtype(weights: str | Path | None, extractor: Extractor) -> str:
    """Type of kept feature maps: 16 bits of pretrained bases, bfloat16 where they run in it.

    Random bases give maps that vary too little for 16 bits.
    """
    if weights_kind(weights) == "random":
        return "float32"
    return "bfloat16" if extractor.spec["precision"] == "bfloat16" else "float16"


def views_wanted(
    cohort: Cohort, trainings: Sequence[Settings], splits: tuple[str, ...] = SPLITS
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows and numbers of all views that trainings look at, by part, each (n,)."""
    drawn = [draw_views(cohort, settings) for settings in trainings]
    others = held_out(cohort, splits)
    return {
        "train": (
            np.concatenate([rows.ravel() for rows, _ in drawn]),
            np.concatenate([views.ravel() for _, views in drawn]),
        ),
        "held out": (others, np.zeros_like(others)),
    }


def open_banks(
    spec: Network,
    cohort: Cohort,
    trainings: Sequence[Settings],
    folder: Path,
    extractor: Extractor,
    weights: str | Path | None,
    keep_maps: bool = False,
    splits: tuple[str, ...] = SPLITS,
    progress: Progress | None = None,
    part: tuple[int, int] = (0, 1),
    to_read: str | None = None,
) -> dict[str, Bank]:
    """The banks of trainings that differ in their seed alone, filled; see `fill_bank`."""
    return {
        name: fill_bank(
            folder,
            cohort,
            rows,
            views,
            recipe(spec, trainings[0], training=name == "train"),
            extractor,
            trainings[0].views_seed,
            keep_maps or not spec.pooled,
            map_dtype(weights, extractor),
            progress or reporter(f"views of {spec.backbone}"),
            part,
            to_read,
        )
        for name, (rows, views) in views_wanted(cohort, trainings, splits).items()
    }


def fill_banks(
    name: str,
    cohort: Cohort,
    settings: Settings,
    seeds: int,
    folder: Path,
    weights: str | Path | None = None,
    input_form: str | None = None,
    keep_maps: bool = False,
    splits: tuple[str, ...] = SPLITS,
    part: tuple[int, int] = (0, 1),
) -> None:
    """Fill the banks of `train_seeds`, or one part of them, and train nothing.

    Args:
        name: a key of `NETWORKS`.
        cohort: with all splits that are used.
        settings: of the first training; the others count its seed up.
        seeds: how many trainings.
        folder: where banks lie.
        weights: see `boneage_lib.bases.find_weights`.
        input_form: see `Extractor`.
        keep_maps: see `boneage_lib.training.train`.
        splits: what is predicted.
        part: (k, of), see `fill_bank`.

    Raises:
        InputError: what `boneage_lib.training.train` would raise before its head begins.
    """
    spec = network(name)
    check_trainable(spec, cohort, settings, weights, splits)
    extractor = open_extractor(spec, cohort, settings, weights, input_form)
    trainings = of_seeds(settings, seeds)
    open_banks(spec, cohort, trainings, folder, extractor, weights, keep_maps, splits, part=part)


def of_seeds(settings: Settings, seeds: int) -> list[Settings]:
    """Settings of ``seeds`` trainings, their seeds counted up from the first one's."""
    return [replace(settings, seed=seed) for seed in range(settings.seed, settings.seed + seeds)]


@dataclass(frozen=True)
class Share:
    """What some trainings look for in one bank.

    Attributes:
        bank: its own folder, which need not be there yet.
        views: pairs of row and view.
        looks: images that the base sees of one view.
        map_dtype: type of the kept maps, or None where pooled features alone are kept.
    """

    bank: Path
    views: set[Pair]
    looks: int
    map_dtype: str | None


def shares(
    spec: Network,
    cohort: Cohort,
    trainings: Sequence[Settings],
    folder: Path,
    extractor: Extractor,
    weights: str | Path | None,
    keep_maps: bool = False,
    splits: tuple[str, ...] = SPLITS,
) -> list[Share]:
    """What trainings would look for in the banks that `open_banks` opens for them."""
    found = []
    kept = map_dtype(weights, extractor) if keep_maps or not spec.pooled else None
    for part, (rows, views) in views_wanted(cohort, trainings, splits).items():
        own = recipe(spec, trainings[0], training=part == "train")
        seed = trainings[0].views_seed
        bank, _ = describe_bank(folder, cohort, own, extractor, seed, kept)
        pairs = set(zip(rows.tolist(), views.tolist(), strict=True))
        found.append(Share(bank, pairs, own.looks(), kept))
    return found
