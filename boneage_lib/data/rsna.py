"""RSNA 2017 in the forms people have it on disk, made into a cohort.

Data: Halabi et al., Radiology 2019;290:498-503, https://doi.org/10.1148/radiol.2018180736; free for
research, education and other non-commercial use under RSNA's terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boneage_lib.data.cohort import SPLITS, Cohort
from boneage_lib.data.decoding import Progress, decode_all
from boneage_lib.data.histogram import load_histogram
from boneage_lib.data.journal import CohortWriter
from boneage_lib.data.labels import read_label_tables
from boneage_lib.data.sources import IMAGE_SUFFIXES, Entry, open_source
from boneage_lib.data.splits import FRACTIONS, check_shares, stratified_split
from boneage_lib.data.writing import check_target, write_cohort
from boneage_lib.errors import InputError

SMALLEST_SIZE = 32
LARGEST_SIZE = 4096
NAMED = 10  # how many left-out files or ids are listed by name


def prepare(
    source: str | Path,
    out: str | Path,
    size: int = 500,
    seed: int = 0,
    max_missing: float = 0.05,
    progress: Progress | None = None,
    replace: bool = False,
    validation_share: float = FRACTIONS[1],
    test_share: float = FRACTIONS[2],
) -> Cohort:
    """Make a cohort from RSNA 2017 as downloaded, in RSNA's own layout or Kaggle's.

    Radiographs become grey, 8-bit and ``size`` × ``size`` pixels; the aspect ratio is squashed, as
    in the paper. RSNA's validation and test sets are used where the source brings both images and
    ages; a missing one is drawn from the training set, stratified by age and sex. Kaggle's test set
    has no ages and is left out.

    Args:
        source: a folder or zip; zips are read in place, also inside a folder or another zip.
        out: the cohort's folder: new, empty, or an earlier cohort of the same data, which is left
            as it is when nothing has changed. What a killed call had done is not done again.
        size: side of the square radiographs, 32 to 4,096 pixels.
        seed: seed of the stratified split.
        max_missing: largest share, 0 to 1, of labels without a readable image, and of images
            without a label, that is left out and recorded rather than refused.
        progress: called as ``progress(done, total)`` after every few radiographs.
        replace: put the new cohort in the place of one that was made from other data.
        validation_share: of the radiographs, for a validation set that is drawn; above 0.
        test_share: the same of the test set; both together below 1.

    Returns:
        The cohort, opened from ``out``, rows by ascending id. ``info`` records ``source_form``,
        ``split_origin``, ``split_origins``, ``seed``, ``official_sets`` (what was found of each
        of RSNA's) and ``skipped``.

    Raises:
        InputError: no source, images or labels; bad labels; a damaged zip; a bad ``size``,
            ``max_missing``, share or ``out``; more left out than ``max_missing`` allows; a full
            disk.
    """
    _check_arguments(Path(source), Path(out), size, max_missing)
    check_shares(validation_share, test_share)
    with open_source(source) as entries:
        matched = _match(entries, max_missing, Path(source))
        labels, origins = _divide(matched.labels, seed, validation_share, test_share)
        info: dict[str, Any] = {
            "kind": "rsna",
            "source_form": matched.source_form,
            "split_origin": "official" if set(origins.values()) == {"official"} else "stratified",
            "split_origins": origins,
            "seed": seed,
            "official_sets": matched.official_sets,
            "skipped": matched.skipped,
        }
        images = [matched.images[identity] for identity in labels["id"].tolist()]
        allowed = _allowed(matched.n_labels, max_missing) - (matched.n_labels - len(labels))

        def fill(writer: CohortWriter) -> list[int]:
            unreadable = decode_all(images, writer, allowed, progress)
            if unreadable:
                matched.skipped["unreadable_images"] = _counted(
                    [images[row].path for row in unreadable]
                )
            emptied = set(labels["split"]) - set(labels["split"].drop(index=unreadable))
            if emptied:
                raise InputError(
                    f"No image of split {', '.join(sorted(emptied))} can be read; expected at "
                    "least one. Download the images again."
                )
            return unreadable

        made_from = {"kind": "rsna", "n_bytes": [image.n_bytes for image in images]}
        return write_cohort(out, labels, size, info, made_from, fill, replace)


def report(cohort: Cohort) -> str:
    """A cohort in words: counts by split and sex, what RSNA's own sets hold, what was left out."""
    info = cohort.info
    lines = [
        (
            f"{len(cohort):,} radiographs of {cohort.size} × {cohort.size} pixels "
            f"({info.get('source_form', info.get('kind', 'unknown source'))}), "
            f"{info.get('split_origin', 'unknown')} split, seed {info.get('seed', 'unknown')}"
        ),
        f"{'split':<12}{'n':>7}{'female':>8}{'male':>7}{'mean months':>13}{'range':>12}",
    ]
    for split in (*SPLITS, "all"):
        rows = cohort.labels if split == "all" else cohort.labels.iloc[cohort.rows(split)]
        if rows.empty:
            continue
        ages, n_female = rows["boneage_months"], int(rows["female"].sum())
        span = f"{ages.min():g} to {ages.max():g}"
        lines.append(
            f"{split:<12}{len(rows):>7,}{n_female:>8,}{len(rows) - n_female:>7,}"
            f"{ages.mean():>13.2f}{span:>12}"
        )
    lines += _against_golden(info.get("official_sets", {}))
    for reason, left_out in info.get("skipped", {}).items():
        if left_out["count"]:
            more = ", …" if left_out["count"] > len(left_out["first"]) else ""
            named = ", ".join(str(item) for item in left_out["first"]) + more
            lines.append(f"Left out, {reason.replace('_', ' ')}: {left_out['count']:,} ({named})")
    lines.append(f"Checksum {cohort.checksum}")
    return "\n".join(lines)


def _against_golden(sets: dict[str, dict[str, int]]) -> list[str]:
    """A line for each of RSNA's sets: how much of it is here, by sex."""
    histogram = load_histogram()
    lines = []
    for name, found in sets.items():
        golden = histogram[histogram["split"] == name].groupby("female")["count"].sum()
        n_male, n_female = int(golden[0]), int(golden[1])
        here = (found["radiographs"], found["female"], found["radiographs"] - found["female"])
        there = (n_male + n_female, n_female, n_male)
        counts = ", ".join(
            f"{a:,} of {b:,} {what}"
            for a, b, what in zip(here, there, ("radiographs", "female", "male"), strict=True)
        )
        if here == there:
            verdict = "complete"
        elif any(a > b for a, b in zip(here, there, strict=True)):
            verdict = "more than RSNA 2017 has: other data?"
        else:
            verdict = "a part"
        lines.append(f"RSNA's {name} set: {counts}: {verdict}")
    return lines


@dataclass(frozen=True)
class _Matched:
    """Labels that have an image; ``images`` by id; ``n_labels`` counts those without one too."""

    labels: pd.DataFrame
    images: dict[int, Entry]
    n_labels: int
    source_form: str
    official_sets: dict[str, dict[str, int]]
    skipped: dict[str, dict[str, Any]]


def _check_arguments(source: Path, out: Path, size: int, max_missing: float) -> None:
    if not SMALLEST_SIZE <= size <= LARGEST_SIZE:
        raise InputError(f"Found size={size}; expected {SMALLEST_SIZE} to {LARGEST_SIZE} pixels.")
    if not 0 <= max_missing <= 1:
        raise InputError(f"Found max_missing={max_missing}; expected a share from 0 to 1.")
    if (source / "cohort.json").is_file():
        raise InputError(
            f"{source} is a cohort already; expected RSNA's download. Use it as it is."
        )
    check_target(out)
    # An earlier cohort in `out` is replaced, and nobody's download may go with it.
    if source.exists() and out.resolve() in (source.resolve(), *source.resolve().parents):
        raise InputError(f"{source} lies in {out}, which would be replaced. Choose another --out.")


def _match(entries: list[Entry], max_missing: float, source: Path) -> _Matched:
    """Bring labels and images together by id, and refuse a source that lacks too many of either."""
    images: dict[int, Entry] = {}
    misnamed, repeated = [], []
    for entry in entries:
        if entry.suffix not in IMAGE_SUFFIXES:
            continue
        stem = entry.stem
        if not (stem.isascii() and stem.isdecimal() and len(stem) <= 18):
            misnamed.append(entry.path)
            continue
        other = images.setdefault(int(stem), entry)
        if other is not entry:
            # Of an image that is there twice, the plain file is taken, as it is read fastest.
            taken, left = sorted(
                (other, entry), key=lambda e: (e.archives, e.path.count("/"), e.path)
            )
            images[int(stem)] = taken
            repeated.append(left.path)
    if not images:
        raise InputError(
            f"Found no radiographs in {source}; expected boneage-training-dataset/<id>.png, "
            "unpacked or as a zip. Check that SOURCE is the folder or zip that holds them."
        )
    tables = read_label_tables(entries)
    labels = tables.labels

    has_image = labels["id"].isin(images)
    # Labels of a set whose images were not downloaded are no sign of damage.
    present = labels.loc[has_image, "official_split"].unique()
    absent = ~labels["official_split"].isin(present)
    if "train" not in present:
        raise InputError(
            f"None of the {len(images):,} images belongs to a training label; expected "
            "<id>.png beside labels with the same ids. Check that both come from one download."
        )
    without_image = labels.loc[~has_image & ~absent, "id"].tolist()
    n_labels = int((~absent).sum())
    without_age = sorted(tables.ids_without_age & images.keys())
    unlabeled = sorted(images.keys() - set(labels["id"]) - tables.ids_without_age)
    _refuse_too_many("labels have no image", without_image, n_labels, max_missing)
    _refuse_too_many(
        "images have no label", [*unlabeled, *misnamed], len(images) + len(misnamed), max_missing
    )
    parts = [images[identity].path.split("/") for identity in labels.loc[has_image, "id"]]
    doubled = any(len(p) > 2 and p[-2] == p[-3] for p in parts)
    layout = "Kaggle" if doubled or tables.ids_without_age else "RSNA"
    packed = source.is_file() or any(entry.archives for entry in images.values())
    return _Matched(
        labels=labels[has_image].reset_index(drop=True),
        images=images,
        n_labels=n_labels,
        source_form=f"{layout}, {'zip' if packed else 'folder'}",
        official_sets={
            split: {"radiographs": len(rows), "female": int(rows["female"].sum())}
            for split in SPLITS
            if len(rows := labels[has_image & (labels["official_split"] == split)])
        },
        skipped={
            "labels_without_image": _counted(without_image),
            "labels_of_sets_without_images": _counted(labels.loc[absent, "id"].tolist()),
            "images_without_label": _counted([*unlabeled, *misnamed]),
            "images_without_age": _counted(without_age),
            "repeated_images": _counted(repeated),
        },
    )


def _counted(items: Sequence[int | str]) -> dict[str, Any]:
    return {"count": len(items), "first": list(items[:NAMED])}


def _allowed(n: int, max_missing: float) -> int:
    """How many of ``n`` may be missing; 29 % of 100 are 29, whatever binary fractions say."""
    return int(max_missing * n + 1e-9)


def _refuse_too_many(what: str, items: Sequence[int | str], n: int, max_missing: float) -> None:
    if len(items) > _allowed(n, max_missing):
        named = ", ".join(str(item) for item in items[:NAMED])
        raise InputError(
            f"{len(items):,} of {n:,} {what} ({named}{', …' if len(items) > NAMED else ''}); "
            f"expected at most {max_missing:.1%}. Complete the download, or allow more "
            "with --max-missing."
        )


def _divide(
    labels: pd.DataFrame, seed: int, validation_share: float, test_share: float
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Give every row its split: RSNA's own where there is one, else drawn from the training set."""
    official = labels["official_split"]
    # Rounded: 0.7 is to be the same 0.7 wherever it comes from.
    fractions = (round(1 - validation_share - test_share, 12), validation_share, test_share)
    origins = {s: "official" if (official == s).any() else "stratified" for s in SPLITS}
    shares = np.array(
        [
            share if split == "train" or origins[split] == "stratified" else 0.0
            for split, share in zip(SPLITS, fractions, strict=True)
        ]
    )
    split = official.to_numpy(dtype=object, copy=True)
    if len(set(origins.values())) > 1:
        train = split == "train"
        first, second, third = (shares / shares.sum()).tolist()
        split[train] = stratified_split(labels[train], seed, (first, second, third))
        origins["train"] = "stratified"
    return labels.assign(split=split).drop(columns="official_split"), origins
