"""Results in words: scores with intervals, and what they were measured on."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from boneage_lib.paper import published
from boneage_lib.paper.signs import signed
from boneage_lib.report.run import project_root

NOT_MEASURED = "not measured"
DATA_NAMES = {"synthetic": "synthetic radiographs", "rsna": "real RSNA radiographs"}
WEIGHT_NAMES = {"imagenet": "ImageNet"}
#: The study of real radiographs whose numbers stand beside every run's.
REAL_STUDY = "rsna-500px"
#: The study of all training radiographs, reduced: its verdicts stand beside those of the other.
REDUCED_STUDY = "rsna-100px"
#: The study that climbs the ladder to a better recipe, on the same radiographs.
LADDER_STUDY = "rsna-ladder"


def study_metrics(name: str = REAL_STUDY) -> dict[str, Any] | None:
    """``results/<name>/metrics.json`` of a kept study, or None when there is none."""
    return study_file(name, "metrics.json")


def study_ladder(name: str = LADDER_STUDY) -> dict[str, Any] | None:
    """``results/<name>/beyond.json`` of a kept study, or None when there is none."""
    return study_file(name, "beyond.json")


def study_file(name: str, file: str) -> dict[str, Any] | None:
    """``results/<name>/<file>`` of a kept study, or None when there is none."""
    path = project_root() / "results" / name / file
    return json.loads(path.read_text()) if path.is_file() else None


def with_interval(scores: dict[str, Any], key: str, decimals: int = 1) -> str:
    """A score and its interval in words: ``14.5 (12.8 to 16.6)``."""
    value, interval = scores.get(key), scores.get(f"{key}_ci")
    if value is None:
        return "undefined"
    low, high = interval or (math.nan, math.nan)
    return with_limits(value, low, high, decimals)


def in_percent(scores: dict[str, Any], key: str) -> str:
    """A share and its interval in percent: ``47 (39 to 55)``."""
    value, interval = scores[key], scores.get(f"{key}_ci")
    low, high = interval or (math.nan, math.nan)
    return with_limits(100 * value, 100 * low, 100 * high, 0)


def with_limits(value: float, low: float, high: float, decimals: int = 1) -> str:
    """A number and its interval in words; without one where its limits are no numbers."""
    if math.isnan(low):
        return signed(value, decimals)
    low_text, high_text = (signed(limit, decimals) for limit in (low, high))
    return f"{signed(value, decimals)} ({low_text} to {high_text})"


def data_line(data: dict[str, Any]) -> str:
    """What a result was measured on, in words."""
    line = (
        f"{DATA_NAMES[data['cohort_kind']]} at {data['image_size']} px ({data['n_train']:,} "
        f"training, {data['n_validation']:,} validation, {data['n_test']:,} test), "
        f"{WEIGHT_NAMES.get(data['weights'], data['weights'])} weights"
    )
    return line if testable(data) else f"{line} (pipeline check)"


def testable(data: dict[str, Any]) -> bool:
    """True when a result says something about the paper: real radiographs and ImageNet weights."""
    return data["cohort_kind"] == "rsna" and data["weights"] == "imagenet"


def title(name: str) -> str:
    """A network's or ensemble's name in print."""
    return published.TITLES.get(name, name.replace("_", " "))


def as_words(text: Any) -> str:
    """Text that Markdown shows as it is, within a line: nothing in it is markup, HTML or a role.

    For what comes from files and settings, such as a profile's title or a weight file's name.
    """
    line = re.sub(r"([\\`*_{}\[\]<>&~$])", r"\\\1", " ".join(str(text).split()))
    return line.replace("|", "&#124;")  # a cell's end, even behind a backslash


def as_code(text: Any) -> str:
    """Text that Markdown shows as it is, as code, on one line."""
    line = " ".join(str(text).split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if line[:1] == "`" or line[-1:] == "`" or not line else ""
    return f"{fence}{space}{line}{space}{fence}"
