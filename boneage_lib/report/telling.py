"""Say in the terminal how far a long step is, as the training in it tells through a file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

#: Names the file that training tells its progress in; see `boneage_lib.training.progress`.
PROGRESS = "BONEAGE_PROGRESS"
SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def told_progress(name: str, file: Path) -> Iterator[None]:
    """Tell how far the step called ``name`` is, every now and then, while the block runs.

    Args:
        name: of the step.
        file: where its training tells; taken away at the end.
    """
    os.environ[PROGRESS] = str(file)
    done = Event()
    listener = Thread(target=_tell, args=(name, file, done), daemon=True)
    listener.start()
    try:
        yield
    finally:
        done.set()
        listener.join()
        del os.environ[PROGRESS]
        file.unlink(missing_ok=True)


def _tell(name: str, file: Path, done: Event) -> None:
    said = ""
    while not done.wait(SECONDS_BETWEEN_LINES):
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError):
            continue  # nothing long has begun
        line = f"{name}: {found['done']:,} of {found['total']:,} {found['what']}"
        if found["seconds_left"] is not None and found["done"] < found["total"]:
            line += f", {_duration(found['seconds_left'])} left"
        if line != said:
            print(line, file=sys.stderr, flush=True)
            said = line


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 120:
        return f"{minutes / 60:.1f} h"
    return f"{minutes} min" if minutes else f"{round(seconds)} s"
