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
    # Parts of a card stand below it, each in a line of its own.
    cards = [line for line in _nvidia("-L") if line.startswith("GPU ")]
    return [str(number) for number in range(len(cards))]


def gpu_titles() -> list[str]:
    """What the NVIDIA GPUs of this machine are called; empty where there is no driver."""
    return _nvidia("--query-gpu=name", "--format=csv,noheader")


def describe_device() -> str:
    """Names of this machine's NVIDIA GPUs, with commas between; ``CPU`` where there is none."""
    return ", ".join(gpu_titles()) or "CPU"


def _nvidia(*options: str) -> list[str]:
    """What the driver's own command says, line by line; nothing where there is no driver."""
    try:
        found = subprocess.run(
            ["nvidia-smi", *options], capture_output=True, text=True, check=False
        )
    except OSError:
        return []
    return [] if found.returncode else [line.strip() for line in found.stdout.splitlines() if line]


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
