"""Data behind the book's page to explore: every test radiograph and all networks' answers to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from boneage_lib.evaluation.groups import AGE_BANDS_MONTHS
from boneage_lib.report.collected import ENSEMBLE
from boneage_lib.report.run import NOTEBOOK_OF, Run
from boneage_lib.report.theme import color_of, title_of

#: Side of the pictures on the page, pixels.
SIDE = 256


def write_explorer(run: Run, folder: Path) -> None:
    """Write ``data.js`` and, of synthetic radiographs, ``radiographs/`` and ``saliency/``.

    Real radiographs are not shown, nor are their ids: a book is easily passed on, and the terms of
    RSNA's data forbid that.

    Args:
        run: whose networks have answered.
        folder: of the page's data, beside the book's other static files.
    """
    cohort = run.cohort()
    shown = cohort.info["kind"] == "synthetic"
    networks = [*NOTEBOOK_OF, ENSEMBLE]
    tables = {
        name: run.read_table(f"predictions/{name}.csv", "08_ensemble_analysis")
        .query("split == 'test'")
        .set_index("id")
        for name in networks
    }
    first = tables[networks[0]].sort_values("boneage_months", kind="stable")
    folder.mkdir(parents=True, exist_ok=True)
    keys = first.index.tolist()
    answers = np.stack(
        [tables[name]["predicted_months"].reindex(first.index).to_numpy() for name in networks],
        axis=1,
    ).round(1)
    hands: list[dict[str, Any]] = [
        {
            "name": str(key) if shown else f"no. {number}",
            "female": int(female),
            "age": float(age),
            "answers": own.tolist(),
            "saliency": [
                name for name in NOTEBOOK_OF if shown and _copy_saliency(run, name, key, folder)
            ],
        }
        for number, (key, female, age, own) in enumerate(
            zip(keys, first["female"], first["boneage_months"], answers, strict=True), start=1
        )
    ]
    if shown:
        _write_radiographs(cohort.labels, cohort.images, keys, folder / "radiographs")
    content = {
        "synthetic": shown,
        "networks": [
            {"name": name, "title": title_of(name), "color": color_of(name)} for name in networks
        ],
        "bands": list(AGE_BANDS_MONTHS),
        "hands": hands,
    }
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    # A script, not JSON: browsers fetch no JSON for a page that was opened from a disk.
    (folder / "data.js").write_text(f"window.boneageExplorer = {text};\n")


def _copy_saliency(run: Run, network: str, key: int, folder: Path) -> bool:
    source = run.folder / "saliency" / network / f"{key}.png"
    if not source.is_file():
        return False
    target = folder / "saliency" / network / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    return True


def _write_radiographs(
    labels: pd.DataFrame, images: np.ndarray, keys: list[Any], folder: Path
) -> None:
    folder.mkdir()
    rows = pd.Index(labels["id"]).get_indexer(pd.Index(keys))
    for key, row in zip(keys, rows.tolist(), strict=True):
        picture = np.asarray(images[row])
        if len(picture) > SIDE:
            picture = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
        (folder / f"{key}.jpg").write_bytes(jpeg.tobytes())  # OpenCV is silent on a full disk
