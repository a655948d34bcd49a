"""What a book shows beside its run's own results: RSNA's label counts, and kept studies."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from boneage_lib.report.run import project_root

#: The name by which a cell's metadata calls the label counts; any other is that of a kept study.
LABELS = "labels"


@dataclass(frozen=True)
class Source:
    """Where the numbers of a figure or table come from that its run did not measure.

    Attributes:
        name: `LABELS` or a folder below ``results/``.
        title: in words.
        data: SHA-256 of its data.
        profile: what it was run with; empty for the label counts.
        record: its ``provenance.json``; empty for the label counts.
    """

    name: str
    title: str
    data: str
    profile: Mapping[str, Any]
    record: Mapping[str, Any]

    @property
    def anchor(self) -> str:
        """Where the provenance page tells of it."""
        return f"made-of-{self.name}"


def source(name: str) -> Source | None:
    """The label counts or a kept study by its name; None where no such study is kept."""
    if name == LABELS:
        counts = files("boneage_lib.data").joinpath("rsna_histogram.csv").read_bytes()
        return Source(LABELS, "RSNA's labels", hashlib.sha256(counts).hexdigest(), {}, {})
    file = project_root() / "results" / name / "provenance.json"
    if not re.fullmatch(r"[\w-]+", name) or not file.is_file():
        return None
    record = json.loads(file.read_text())
    return Source(name, f"study {name}", record["cohort"]["checksum"], record["profile"], record)
