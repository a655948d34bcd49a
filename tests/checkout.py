"""The files of this checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def tracked_files() -> list[Path] | None:
    """Files that git tracks or would add, as they are on disk; None where there is no git."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        return None
    return [ROOT / name for name in found.stdout.split("\0") if (ROOT / name).is_file()]
