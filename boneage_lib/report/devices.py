"""One GPU a job, where a machine has several."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boneage_lib.report.guard import locked

VISIBLE = "CUDA_VISIBLE_DEVICES"


def count_gpus() -> int:
    """NVIDIA GPUs that this process may use, without loading Keras; 0 where there is no driver."""
    if (named := os.environ.get(VISIBLE)) is not None:
        return len([device for device in named.split(",") if device.strip()])
    try:
        found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    if found.returncode:
        return 0
    return sum(line.startswith("GPU ") for line in found.stdout.splitlines())


@contextmanager
def one_gpu(folder: Path | None = None, seconds_between: float = 0.5) -> Iterator[None]:
    """Take a GPU that no other job of this machine has taken, until the block ends.

    Nothing happens with fewer than two GPUs, or where a cluster has already named the job's own.
    It must come before Keras is loaded. A lock ends with its process, however that ends.

    Args:
        folder: where the locks lie; the system's folder for temporary files.
        seconds_between: how long to wait before looking again while all are taken.
    """
    n = count_gpus()
    if n < 2 or VISIBLE in os.environ:
        yield
        return
    locks = [
        (Path(folder or tempfile.gettempdir()) / f"boneage-gpu-{k}.lock").open("w")
        for k in range(n)
    ]
    try:
        while (taken := next((k for k in range(n) if locked(locks[k])), None)) is None:
            time.sleep(seconds_between)
        os.environ[VISIBLE] = str(taken)
        yield
    finally:
        os.environ.pop(VISIBLE, None)
        for lock in locks:
            lock.close()
