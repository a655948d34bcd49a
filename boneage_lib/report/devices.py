"""One GPU a job, where a machine has several."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from boneage_lib.report.guard import locked

VISIBLE = "CUDA_VISIBLE_DEVICES"


def count_gpus() -> int:
    """NVIDIA GPUs that this process may use, without loading Keras; 0 where there is no driver."""
    return len(name_gpus())


def name_gpus() -> list[str]:
    """Those GPUs as ``CUDA_VISIBLE_DEVICES`` names them: its own entries, or numbers from 0."""
    if (named := os.environ.get(VISIBLE)) is not None:
        return [device.strip() for device in named.split(",") if device.strip()]
    try:
        found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    except OSError:
        return []
    if found.returncode:
        return []
    return [
        str(k) for k in range(sum(line.startswith("GPU ") for line in found.stdout.splitlines()))
    ]


@contextmanager
def one_gpu(folder: Path | None = None, seconds_between: float = 0.5) -> Iterator[None]:
    """Take a GPU that no other job of this user has taken, until the block ends.

    Of several that ``CUDA_VISIBLE_DEVICES`` names, or that the machine has where it names none, one
    is left visible. Nothing happens with fewer than two, as where a cluster has already named the
    job's own. It must come before Keras is loaded. A lock ends with its process, however that ends.

    Args:
        folder: where the locks lie; one of this user's among the system's temporary files.
        seconds_between: how long to wait before looking again while all are taken.
    """
    names = name_gpus()
    if len(names) < 2:
        yield
        return
    before = os.environ.get(VISIBLE)
    with ExitStack() as stack:
        lying = folder or _own_folder()
        locks = {
            name: stack.enter_context((lying / f"{name.replace('/', '-')}.lock").open("w"))
            for name in names
        }
        while (taken := next((name for name in names if locked(locks[name])), None)) is None:
            time.sleep(seconds_between)
        os.environ[VISIBLE] = taken
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(VISIBLE, None)
            else:
                os.environ[VISIBLE] = before


def _own_folder() -> Path:
    """A file in the common folder would belong to its first user and be closed to the others."""
    folder = Path(tempfile.gettempdir()) / f"boneage-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
