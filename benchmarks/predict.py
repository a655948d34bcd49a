"""How fast `boneage predict` answers, beside the bare passes of the networks' bases.

    .venv/bin/python benchmarks/predict.py RUN HANDS [--network xception] [--n 1000] [--rounds 3]
                                           [--real] [--yardstick] [--out FILE]

RUN is the folder of a finished run, HANDS a folder of pictures, used over and over until there are
N; --real says that they are real radiographs. Both sides take turns: reading, answering and judging
of pictures as the command does it, and nothing but the compiled base on pixels that lie in memory,
of as many looks. A share of 1 would mean that everything else costs nothing.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from statistics import median

import numpy as np
from machine import add_options, describe_machine, finish, print_table

from boneage_lib.report.asked import CHUNK, Picture, pictures, read_ahead
from boneage_lib.report.predicting import predict
from boneage_lib.report.run import Run
from boneage_lib.report.systems import System, open_system
from boneage_lib.training.feature_bank import batch_shape

TARGET_SHARE = 0.85


def seconds_bare(system: System, n: int) -> float:
    """Seconds that the bases alone take for n radiographs."""
    total = 0.0
    for reader in system.readers.values():
        extractor, looks = reader.extractor, n * reader.recipe.looks()
        _, batch = batch_shape(extractor.on_gpu, extractor.side, 1)
        grey = np.random.default_rng(0).integers(
            0, 256, (batch, extractor.side, extractor.side), dtype=np.uint8
        )
        maps = not reader.spec.pooled
        extractor(grey, maps=maps)  # compiled here, for both sides
        started = time.perf_counter()
        for _ in range(looks // batch):
            extractor(grey, maps=maps)
        if rest := looks % batch:
            extractor(grey[:rest], maps=maps)
        total += time.perf_counter() - started
    return total


def seconds_predicting(system: System, asked: list[Picture]) -> float:
    """Seconds of the whole command, once the networks are open."""
    started = time.perf_counter()
    answered = sum(record["error"] is None for record in predict(system, asked))
    seconds = time.perf_counter() - started
    if answered < len(asked):
        raise SystemExit(f"{len(asked) - answered} of {len(asked)} pictures cannot be read.")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("hands", type=Path)
    parser.add_argument("--network", default="xception", metavar="NAME")
    parser.add_argument("--n", type=int, default=1_000, help="pictures of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--real", action="store_true", help="the pictures are RSNA's")
    add_options(parser)
    arguments = parser.parse_args()
    machine = describe_machine(with_keras=True)
    system = open_system(Run(arguments.run.resolve()), arguments.network)
    specs = {name: reader.extractor.spec for name, reader in system.readers.items()}
    (weights,) = {spec["weights"]["kind"] for spec in specs.values()}
    own = pictures([arguments.hands], "female", None)
    asked = list(itertools.islice(itertools.cycle(own), arguments.n))
    seconds_bare(system, CHUNK)
    rounds = [
        {
            "bare_s": seconds_bare(system, len(asked)),
            "predict_s": seconds_predicting(system, asked),
        }
        for _ in range(arguments.rounds)
    ]
    started = time.perf_counter()
    for _ in read_ahead(asked, system.size):
        pass
    reading = time.perf_counter() - started
    bare, whole = (median(one[side] for one in rounds) for side in ("bare_s", "predict_s"))
    share = median(one["bare_s"] / one["predict_s"] for one in rounds)
    print(f"{len(asked):,} pictures, {len(own):,} distinct, at {system.size} px\n")
    print_table(
        ["system", "bare/s", "predict/s", "share", "reading alone/s"],
        [
            [
                arguments.network,
                len(asked) / bare,
                len(asked) / whole,
                f"{share:.2f}",
                len(asked) / reading,
            ]
        ],
        arguments.out,
    )
    verdict = "at least" if share >= TARGET_SHARE else "below"
    print(f"\n{share:.2f} of the bare passes, {verdict} {TARGET_SHARE}.")
    record = {
        "machine": machine,
        "data": "rsna" if arguments.real else "synthetic",
        "weights": weights,
        "system": arguments.network,
        "n": len(asked),
        "distinct": len(own),
        "size": system.size,
        "bases": specs,
        "rounds": rounds,
        "reading_s": reading,
        "share": share,
        "target_share": TARGET_SHARE,
    }
    finish(record, arguments)


if __name__ == "__main__":
    main()
