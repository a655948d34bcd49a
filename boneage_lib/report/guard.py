"""One run a folder, and no step that outlives its run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import IO

from boneage_lib.errors import InputError
from boneage_lib.report.run import Run

#: Names the process that a step belongs to.
OWNER = "BONEAGE_RUN_PID"


def locked(lock: IO[str]) -> bool:
    """Take an open file's lock, which ends with this process; False where another has it."""
    import fcntl  # not on Windows

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def only_run(run: Run) -> Iterator[int]:
    """Hold a run's folder while the block runs; the hold ends with this process, however it ends.

    Yields:
        The lock's file descriptor; a process that inherits it holds the folder, too.

    Raises:
        InputError: another process holds it.
    """
    with (run.folder / ".lock").open("w") as lock:
        if not locked(lock):
            raise InputError(
                f"Found another run at work in {run.folder}; expected to be the only one there. "
                "Wait until it has ended, or give this one another --out."
            )
        yield lock.fileno()


def end_with_owner(seconds_between: float = 2.0) -> None:
    """End this process soon after the one that `OWNER` names is gone.

    A killed run takes its steps with it, so that the next one finds nobody at work on its files.
    Nothing happens where no owner is named, as on another machine of a cluster.
    """
    owner = os.environ.get(OWNER)
    if not owner:
        return

    def watch() -> None:
        while _alive(int(owner)):
            time.sleep(seconds_between)
        os._exit(137)

    Thread(target=watch, daemon=True).start()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
