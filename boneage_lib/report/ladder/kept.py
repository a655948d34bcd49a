"""Whole networks that a run has trained, as files: weights, histories, validation answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from boneage_lib.data import AgeNormalizer, Cohort
from boneage_lib.data.whole_files import written_whole
from boneage_lib.report.ladder.files import FOLDER, weights_file
from boneage_lib.report.models import written_by_keras
from boneage_lib.report.run import Run, sha256_of
from boneage_lib.training.digests import (
    FINETUNING_CODE,
    PHANTOM_CODE,
    digest_of_arrays,
    digest_of_code,
)
from boneage_lib.training.finetune import Tuned, draw_tuning
from boneage_lib.training.runtimes import describe_keras
from boneage_lib.training.tuning import Tuning
from boneage_lib.training.whole_networks import policy_of, whole_network


def key_of(
    tuning: Tuning, cohort: Cohort, weights: dict[str, str], start: Path | None = None
) -> str:
    """SHA-256 of what a training depends on.

    Args:
        tuning: its settings.
        cohort: it is trained on.
        weights: that it begins with, see `boneage_lib.bases.describe_weights`.
        start: weights of a network that it goes on from.
    """
    drawn = digest_of_arrays(draw_tuning(cohort, tuning))
    code = [digest_of_code(FINETUNING_CODE)]
    if tuning.pretraining:
        code.append(digest_of_code(PHANTOM_CODE))
    parts: list[Any] = [
        tuning.as_dict(),
        weights,
        cohort.checksum,
        drawn,
        code,
        describe_keras(),
        policy_of(tuning.precision),
    ]
    if start is not None:
        parts.append(sha256_of(start))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def keep_tuned(
    run: Run, name: str, key: str, tuned: Tuned, validation_months: np.ndarray
) -> dict[str, Any]:
    """Keep a trained network in a run's folder.

    Args:
        run: where.
        name: of its files.
        key: see `key_of`.
        tuned: the network.
        validation_months: its answers to the validation radiographs.

    Returns:
        What `kept_of` finds again: ``key``, ``normalizer``, ``validation_months``,
        ``weights_sha256`` and ``seconds``.
    """
    file = weights_file(run, name)
    with written_by_keras(file, ".weights.h5") as partial:
        tuned.model.save_weights(partial, overwrite=True)
    run.write_table(f"histories/{FOLDER}/{name}.csv", tuned.history, decimals=6)
    record = {
        "key": key,
        "normalizer": tuned.normalizer.as_dict(),
        "validation_months": validation_months.tolist(),
        "weights_sha256": sha256_of(file),
        "seconds": tuned.seconds,
    }
    with written_whole(_record_file(run, name)) as partial:
        partial.write_text(json.dumps(record))
    return record


def kept_of(run: Run, name: str, key: str) -> dict[str, Any] | None:
    """What `keep_tuned` kept of this very training; None where it is not there, whole."""
    record, file = _record(run, name), weights_file(run, name)
    history = run.histories / FOLDER / f"{name}.csv"  # may be deleted alone, see `files`
    if record.get("key") != key or not (file.is_file() and history.is_file()):
        return None
    return record if sha256_of(file) == record["weights_sha256"] else None


def open_tuned(run: Run, size: int, name: str, tuning: Tuning) -> Tuned:
    """A kept network, to be asked.

    Args:
        run: that keeps it.
        size: side of its radiographs, pixels.
        name: of its files.
        tuning: that it was trained with.
    """
    model = whole_network(tuning, size, None)
    model.load_weights(weights_file(run, name))
    history = run.read_table(f"histories/{FOLDER}/{name}.csv", "11_beyond")
    return Tuned(tuning, model, history, normalizer_of(run, name), 0.0)


def normalizer_of(run: Run, name: str) -> AgeNormalizer:
    """Between months and a kept network's z-scores."""
    return AgeNormalizer(**_record(run, name)["normalizer"])


def _record_file(run: Run, name: str) -> Path:
    return run.checkpoints / FOLDER / f"{name}.json"


def _record(run: Run, name: str) -> dict[str, Any]:
    """What was kept of a step's training; nothing where nothing was."""
    try:
        found = json.loads(_record_file(run, name).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
