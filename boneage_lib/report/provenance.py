"""What made each result: versions, commit, device, checksums."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from boneage_lib.data.whole_files import written_whole
from boneage_lib.report.run import Run, project_root

PACKAGES = (
    "boneage",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "numpy",
    "pandas",
    "scipy",
    "opencv-python-headless",
    "papermill",
    "snakemake",
    "jupyter-book",
)


def versions() -> dict[str, str]:
    """Installed versions of what results depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The checkout's commit, with ``+changes`` when it was edited, or ``unknown``."""
    root = project_root()

    def git(*words: str) -> str:
        found = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=False
        )
        return found.stdout.strip() if found.returncode == 0 else ""

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return (
            f"{head}+changes"
            if head and git("status", "--porcelain", "-uno")
            else head or "unknown"
        )
    except OSError:
        return "unknown"


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def environment() -> dict[str, Any]:
    """Where something is measured: processor, Python, versions."""
    return {
        "processor": processor(),
        "python": platform.python_version(),
        "system": platform.system(),
        "versions": versions(),
    }


def write_provenance(run: Run, profile: dict[str, Any]) -> Path:
    """Write the run's ``provenance.json``: settings, environment, and a checksum of each result."""
    results = sorted(run.results.glob("*.json")) + sorted(run.results.glob("*.csv"))
    record = {
        "run": run.name,
        "profile": profile,
        "commit": commit(),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **environment(),
        "cohort": json.loads((run.cohort_folder / "cohort.json").read_text()),
        "results": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in results},
        "timing": {
            file.stem: json.loads(file.read_text())["seconds"]
            for file in sorted((run.results / "timing").glob("*.json"))
        },
    }
    with written_whole(run.provenance_file) as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n")
    return run.provenance_file
