"""How far a long cell is, told to whoever runs the notebook and to nobody who reads it."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

#: Names the file that progress is written to; `boneage_lib.report.telling` sets and reads it.
VARIABLE = "BONEAGE_PROGRESS"
SECONDS_BETWEEN = 1.0


def reporter(what: str) -> Callable[[int, int], None] | None:
    """A function of (done, total) that tells how far ``what`` is; None where nobody listens."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    file = Path(path)
    started, told, first = time.monotonic(), -math.inf, None

    def tell(done: int, total: int) -> None:
        nonlocal told, first
        now = time.monotonic()  # never goes backwards
        if first is None:
            first = done  # what an earlier run had done took no time of this one
        if now - told < SECONDS_BETWEEN and done < total:
            return
        told = now
        rate = (done - first) / max(now - started, 1e-9)
        left = (total - done) / rate if rate else None
        content = {"what": what, "done": done, "total": total, "seconds_left": left}
        partial = file.with_suffix(".partial")
        with suppress(OSError):  # a full disk: what is told is no part of the training
            partial.write_text(json.dumps(content))
            partial.replace(file)

    return tell
