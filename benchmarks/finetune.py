"""What training a whole network takes, base and all: radiographs a second, and memory.

    .venv/bin/python benchmarks/finetune.py [--networks xception …] [--sizes 100 500 …]
        [--batches 32 …] [--precision bfloat16] [--steps 64] [--epochs 3] [--out FILE.json]

Every network at every size and batch is trained as chapter 11 trains it, by
`boneage_lib.training.finetune.tune`: views drawn anew and moved, AdamW along a cosine, absolute
errors. It takes a few short epochs in a process of its own, so that its peak of memory is its own.
The first epoch waits for the compiler and is told apart; each epoch ends with the validation
radiographs, a batch or so, which are counted in. Radiographs are synthetic and repeated, and bases
have random weights: no error of this run means anything. What an epoch of RSNA's 12,611 radiographs
takes follows from the speed.

Needs neither TensorFlow nor OpenVINO, see `protocol.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from cohorts import write_copies
from machine import describe_machine, finish, print_table
from protocol import TRAIN, Clock, card

from boneage_lib.backend import keras
from boneage_lib.data import write_phantoms
from boneage_lib.networks import NETWORKS
from boneage_lib.training.runtimes import on_gpu

#: Distinct radiographs that are drawn, and radiographs of the cohort, a tenth of them validation.
DRAWN, N = 20, 320
WHOLE = sorted(name for name, spec in NETWORKS.items() if not spec.patches)


def peak_mib() -> float:
    """The most memory that this process has taken: of the GPU where it computes on one."""
    if not on_gpu():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    if keras.backend.backend() == "jax":
        stats = sys.modules["jax"].local_devices()[0].memory_stats()
        return stats["peak_bytes_in_use"] / 2**20
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20


def measure(name: str, size: int, batch: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one network at one size, in this process."""
    from boneage_lib.training.finetune import tune
    from boneage_lib.training.tuning import Tuning

    tuning = Tuning(
        network=name,
        base="trained",
        epochs=arguments.epochs,
        epoch_draws=arguments.steps * batch,
        batch_size=batch,
        learning_rate=6e-4,
        schedule="cosine",
        warm_up=0.05,
        weight_decay=0.01,
        loss="mae",
        sampling="natural",
        augmentation="light",
        precision=arguments.precision,
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        phantoms = write_phantoms(Path(scratch) / "drawn", DRAWN, size)
        cohort = write_copies(Path(scratch) / "cohort", phantoms, N)
        tune(cohort, tuning, "random", callbacks=[clock], verbose=False)
    steady = statistics.median(clock.epochs[1:])
    return {
        "network": name,
        "size": size,
        "batch_size": batch,
        "epoch_s": [round(seconds, 3) for seconds in clock.epochs],
        "first_epoch_more_s": round(clock.epochs[0] - steady, 1),
        "images_per_s": round(tuning.epoch_draws / steady, 1),
        "rsna_epoch_s": round(TRAIN * steady / tuning.epoch_draws, 1),
        "peak_mib": round(peak_mib(), 1),
    }


def main() -> None:
    """Measure every combination in a process of its own, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=WHOLE, default=["xception"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 500], help="pixels a side")
    parser.add_argument("--batches", nargs="+", type=int, default=[32], help="radiographs a step")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--steps", type=int, default=64, help="an epoch")
    parser.add_argument("--epochs", type=int, default=3, help="2 or more; the first is left out")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.set_defaults(yardstick=False)
    arguments = parser.parse_args()
    asked = list(product(arguments.networks, arguments.sizes, arguments.batches))
    if arguments.one:
        print(json.dumps(measure(*asked[0], arguments)))
        return
    record: dict[str, Any] = {
        "machine": describe_machine(with_keras=True),
        "card": card(),
        "precision": arguments.precision,
        "data": "synthetic",
        "weights": "random",
        "steps": arguments.steps,
        "trainings": [],
    }
    for name, size, batch in asked:
        command = [sys.executable, __file__, "--one", "--networks", name, "--sizes", str(size)]
        command += ["--batches", str(batch), "--precision", arguments.precision]
        command += ["--steps", str(arguments.steps), "--epochs", str(arguments.epochs)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        record["trainings"].append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{name}, {size} px: {record['trainings'][-1]['images_per_s']} a second", flush=True)
        tell(record, arguments)


def tell(record: dict[str, Any], arguments: argparse.Namespace) -> None:
    """The table so far, and the files: a lease too short for all keeps what it had time for."""
    heads = ["network", "pixels", "batch", "radiographs/s", "RSNA's epoch, s", "peak, GiB"]
    rows = [
        [
            row["network"],
            row["size"],
            row["batch_size"],
            row["images_per_s"],
            row["rsna_epoch_s"],
            row["peak_mib"] / 2**10,
        ]
        for row in record["trainings"]
    ]
    print_table(heads, rows, arguments.out)
    finish(record, arguments)


if __name__ == "__main__":
    main()
