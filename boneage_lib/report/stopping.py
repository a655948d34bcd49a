"""A process whose end takes everything that it started along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

#: What ends a run from outside, beside Ctrl-C: `kill`, and a terminal that is closed.
ENDING = (signal.SIGTERM, signal.SIGHUP)


def run_stoppable(
    command: Sequence[str], environment: Mapping[str, str], lock: int, grace: float
) -> int:
    """Run a command to its end and return its exit code.

    Ctrl-C ends it and all that it started by killing them: whatever they write is there whole or
    not at all. A notebook's own process, which is of another group, ends a second after the step
    that started it.

    Args:
        command: program and arguments.
        environment: of the command.
        lock: a file descriptor that it holds, too.
        grace: seconds in which it may end by itself before that, as to take jobs back from a
            cluster.

    Raises:
        KeyboardInterrupt: it was stopped.
    """
    # In a group of its own: Ctrl-C reaches this process alone, which then sees to the others.
    with (
        _interrupted_by(ENDING),
        subprocess.Popen(command, env=environment, pass_fds=[lock], process_group=0) as process,
    ):
        try:
            return process.wait()
        except BaseException:
            try:
                if grace:
                    print("Stopping …", file=sys.stderr, flush=True)
                    _signal_group(process.pid, signal.SIGINT)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(grace)
            finally:
                _signal_group(process.pid, signal.SIGKILL)
            print(
                "Stopped. What was finished is kept; the same command goes on from there.",
                file=sys.stderr,
                flush=True,
            )
            raise


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


@contextmanager
def _interrupted_by(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Let signals do what Ctrl-C does; those that somebody minds or ignores are left alone."""
    taken = []
    if threading.current_thread() is threading.main_thread():
        taken = [number for number in signals if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
