"""Does the fast way cost accuracy? Held-out errors of both engines, from the same draws and views.

    .venv/bin/python benchmarks/precision.py --source COHORT --weights DIR [--draws-per-cell 25]
                                             [--epochs 7] [--views 7] [--networks NAME …]
                                             [--out FILE]

Each network is trained twice with the same settings, draws, views and seed: *streaming* through
Keras' backend in float32, as the paper trains, and on the *bank* with the fastest runtime and
precision of this machine. The difference of their errors on the test set is paired, radiograph by
radiograph, with its bootstrap interval: where that reaches zero or below, the bank is not worse.

On the 700 radiographs of 500 px at its defaults, streaming takes most of the time: 3,500 views and
the held-out radiographs in every epoch, an hour for all four networks on two cores of 2024.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cohorts import add_source, kind, open_source
from forward import Way, describe_way, find_ways
from machine import add_options, describe_machine, finish, print_table

from boneage_lib.bases import weights_kind
from boneage_lib.data import Cohort
from boneage_lib.evaluation import paired_difference
from boneage_lib.networks import NETWORKS
from boneage_lib.training import Settings, Trained, train


def compare(
    name: str, cohort: Cohort, settings: Settings, weights: str, way: Way, banks: Path
) -> dict[str, Any]:
    """Train network ``name`` in both engines.

    Args:
        name: of the network.
        cohort: with a test split.
        settings: of both trainings; the engine is overridden.
        weights: see `train`.
        way: what fills the bank.
        banks: folder of all banks.

    Returns:
        Errors and seconds of both, their paired difference (bank minus streaming), and
        ``not_worse``: its interval reaches zero or below.
    """

    def trained(engine: str, used: Way) -> Trained:
        return train(
            name,
            cohort,
            replace(settings, engine=engine),
            banks,
            weights,
            # The attention network needs maps; kept at once, both Xceptions share one bank.
            keep_maps=NETWORKS[name].backbone == "xception",
            runtime=used.runtime,
            precision=used.precision,
            verbose=False,
        )

    streaming, bank = trained("streaming", Way("keras", "float32")), trained("bank", way)
    tests = [of.predictions[of.predictions["split"] == "test"] for of in (bank, streaming)]
    difference = paired_difference(tests[0], tests[1])
    interval = difference["difference_months_ci"]
    return {
        "n": difference["n"],
        "bank_mae_months": difference["mae_a_months"],
        "streaming_mae_months": difference["mae_b_months"],
        "difference_months": difference["difference_months"],
        "difference_months_ci": interval,
        "wilcoxon_p": difference["wilcoxon_p"],
        "not_worse": interval is not None and interval[0] <= 0,
        "bank_seconds": bank.provenance["seconds"],
        "streaming_seconds": streaming.provenance["seconds"],
        "histories": {
            engine: of.history.drop(columns="kept").to_dict("list")
            for engine, of in (("bank", bank), ("streaming", streaming))
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_source(parser, n=100)
    parser.add_argument("--weights", default="random", help="a folder of ImageNet weights")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="NAME")
    parser.add_argument("--draws-per-cell", type=int, default=25, help="by uniform resampling")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--views", type=int, default=7, help="distinct views of a radiograph")
    parser.add_argument("--patch-size", type=int, default=224, help="pixels a side")
    parser.add_argument("--seed", type=int, default=0)
    add_options(parser)
    arguments = parser.parse_args()
    settings = Settings(
        epochs=arguments.epochs,
        draws_per_cell=arguments.draws_per_cell,
        views=arguments.views,
        patch_size=arguments.patch_size,
        seed=arguments.seed,
    )
    machine = describe_machine(with_keras=True)
    way = find_ways()[-1]
    with tempfile.TemporaryDirectory() as scratch:
        cohort = open_source(arguments, scratch)
        networks = {
            name: compare(name, cohort, settings, arguments.weights, way, Path(scratch) / "banks")
            for name in arguments.networks
        }
    print(
        f"{len(cohort.rows('test'))} test radiographs of {cohort.size} px ({kind(cohort)}), "
        f"{weights_kind(arguments.weights)} weights; errors in months\n"
    )
    print_table(
        ["network", "streaming", f"bank, {way.name}", "difference", "interval", "not worse"],
        [
            [
                name,
                f"{row['streaming_mae_months']:.2f}",
                f"{row['bank_mae_months']:.2f}",
                f"{row['difference_months']:+.2f}",
                "none"
                if row["difference_months_ci"] is None
                else "{:+.2f} to {:+.2f}".format(*row["difference_months_ci"]),
                "yes" if row["not_worse"] else "no",
            ]
            for name, row in networks.items()
        ],
        arguments.out,
    )
    print(f"\nstreaming: {machine['backend']}, float32. difference: bank minus streaming, paired.")
    record = {
        "machine": machine,
        "bank": describe_way(way),
        "streaming": describe_way(Way("keras", "float32")),
        "data": kind(cohort),
        "weights": weights_kind(arguments.weights),
        "size": cohort.size,
        "settings": settings.as_dict(),
        "networks": networks,
    }
    finish(record, arguments)


if __name__ == "__main__":
    main()
