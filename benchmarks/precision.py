"""Does the fast way cost accuracy? Held-out errors of a run's trainings, and of float32's.

    .venv/bin/python benchmarks/precision.py RUN [--weights DIR] [--networks NAME …] [--seeds N]
                                             [--work FOLDER] [--out FILE]

Every network of RUN, a run's folder, is trained with the run's own settings, seeds, draws and
views, twice: on features in this machine's fastest runtime and precision, which are the run's own
trainings where it ended on this machine, and on features in float32 through Keras' backend.
Streaming in float32, as the paper trains, gives the latter's result (`tests/test_engines.py` holds
both to 1e-4 of the loss) but would run the base again for every draw of every seed.

The difference of their absolute errors on the test set is paired by seed and by radiograph. Its
interval holds what other seeds and what other radiographs would have changed: where it reaches zero
or below, the fast way is not worse. On the 700 radiographs of `rsna-500px` the features in float32
take some 25 minutes, and the heads as long again, on two cores of 2024.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from cohorts import kind
from forward import Way, describe_way, find_ways
from machine import add_options, describe_machine, finish, print_table

from boneage_lib.bases import weights_kind
from boneage_lib.data import Cohort
from boneage_lib.evaluation import paired_over_seeds
from boneage_lib.networks import NETWORKS
from boneage_lib.report.plan import Plan, plan_of
from boneage_lib.report.run import NOTEBOOK_OF, Run
from boneage_lib.training import train_seeds

SLOW = Way("keras", "float32")


def errors_of(name: str, cohort: Cohort, plan: Plan, seeds: int, way: Way, at: Run) -> np.ndarray:
    """Absolute errors on the test set, months, (seeds, radiographs).

    Args:
        name: of the network.
        cohort: with a test split.
        plan: what the run trains.
        seeds: how many of its trainings, from the first.
        way: what computes features.
        at: where banks and states of trainings are, or go.
    """
    trainings = train_seeds(
        name,
        cohort,
        plan.settings,
        seeds,
        at.bank,
        plan.weights,
        runtime=way.runtime,
        precision=way.precision,
        verbose=False,
        checkpoints=at.checkpoints,
        **plan.more,
    )
    tables = [each.predictions[each.predictions["split"] == "test"] for each in trainings]
    return np.stack(
        [(table["predicted_months"] - table["boneage_months"]).abs() for table in tables]
    )


def compare(
    name: str, cohort: Cohort, plan: Plan, seeds: int, way: Way, runs: tuple[Run, Run]
) -> dict[str, Any]:
    """Train network ``name`` both ways.

    Args:
        name: of the network.
        cohort: with a test split.
        plan: what the run trains.
        seeds: how many of its trainings, from the first.
        way: the fast one.
        runs: where banks and states of trainings of the fast and of the slow way are, or go.

    Returns:
        Mean errors of both over seeds and radiographs, their difference (fast less float32) as
        `paired_over_seeds` gives it, and ``not_worse``: the interval reaches zero or below.
    """
    fast, slow = (
        errors_of(name, cohort, plan, seeds, used, run)
        for used, run in zip((way, SLOW), runs, strict=True)
    )
    found = paired_over_seeds(fast, slow)
    interval = found["interval"] or found["over_radiographs"]
    return {
        "seeds": seeds,
        "n": fast.shape[1],
        "fast_mae_months": float(fast.mean()),
        "float32_mae_months": float(slow.mean()),
        "fast_mae_months_by_seed": fast.mean(axis=1).tolist(),
        "float32_mae_months_by_seed": slow.mean(axis=1).tolist(),
        **found,
        "not_worse": interval is not None and interval[0] <= 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder")
    parser.add_argument("--weights", help="a folder of ImageNet weights; else what the run had")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="NAME")
    parser.add_argument("--seeds", type=int, help="trainings each way; else as many as the run's")
    parser.add_argument("--work", type=Path, help="keep features and trainings in float32 here")
    add_options(parser)
    arguments = parser.parse_args()
    run = Run(arguments.run.resolve())
    if not run.parameters_file.is_file():
        parser.error(f"Found no {run.parameters_file.name} in {arguments.run}; expected a run.")
    settings = yaml.safe_load(run.parameters_file.read_text())
    if arguments.weights:
        settings["weights"] = arguments.weights
    machine = describe_machine(with_keras=True)
    cohort, way = run.cohort(), find_ways()[-1]
    plans = {name: plan_of(NOTEBOOK_OF[name], settings) for name in arguments.networks}
    networks = {}
    with tempfile.TemporaryDirectory() as scratch:
        runs = run, Run((arguments.work or Path(scratch)).resolve())
        for name, plan in plans.items():
            seeds = arguments.seeds or plan.seeds
            networks[name] = compare(name, cohort, plan, seeds, way, runs)
            networks[name]["settings"] = plan.settings.as_dict()
    print(
        f"{len(cohort.rows('test'))} test radiographs of {cohort.size} px ({kind(cohort)}), "
        f"{weights_kind(settings['weights'])} weights; errors in months\n"
    )
    print_table(
        ["network", "seeds", SLOW.name, way.name, "difference", "interval", "not worse"],
        [
            [
                NETWORKS[name].title,
                row["seeds"],
                f"{row['float32_mae_months']:.2f}",
                f"{row['fast_mae_months']:.2f}",
                f"{row['difference_months']:+.2f}",
                "none"
                if row["interval"] is None
                else "{:+.2f} to {:+.2f}".format(*row["interval"]),
                "yes" if row["not_worse"] else "no",
            ]
            for name, row in networks.items()
        ],
        arguments.out,
    )
    print(f"\ndifference: {way.name} less {SLOW.name}, paired by seed and by radiograph.")
    record = {
        "machine": machine,
        "fast": describe_way(way),
        "float32": describe_way(SLOW),
        "data": kind(cohort),
        "weights": weights_kind(settings["weights"]),
        "size": cohort.size,
        "networks": networks,
    }
    finish(record, arguments)


if __name__ == "__main__":
    main()
