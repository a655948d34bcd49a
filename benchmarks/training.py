"""A first training, and further heads, beside the paper's way in Keras, in one run.

    .venv/bin/python benchmarks/training.py [--source COHORT] [--weights DIR] [--networks NAME …]
                                            [--draws 208] [--rounds 3] [--yardstick] [--out FILE]

For each network, in turn in every round, on the same radiographs:

- *paper*: `ImageDataGenerator` with Table 2's ranges, batches of 8, frozen base and head in one
  Keras model, Adam, `fit`.
- *ours*: the first training as `boneage_lib.training.train` does it with a new view for every
  draw: fill the bank, then fit the head on it.
- *bare*: batches that are ready go through the base alone, in every runtime of this machine.
- *heads*: ten more heads with other initial weights on the filled bank.
- *streaming*: the library's other engine, which runs the base again for every head.
- *peak*: products of large matrices in every runtime.

An image is what the base sees: a radiograph, or one of its patches. Building and compiling comes
before the clock on all sides: runtimes are warm, and each `fit` starts its clock after a first step
of 8 radiographs that is not counted. What that takes stands beside it as seconds of set-up. No side
validates. The draws are a multiple of what the bank computes at a time, as thousands nearly are.

At its defaults it takes about 12 minutes on two cores of 2024.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cohorts import add_source, kind, open_source
from contest import Contest
from forward import describe_way, find_ways
from machine import add_options, describe_machine, finish, print_table
from paper_style import BATCH

from boneage_lib.bases import weights_kind
from boneage_lib.networks import network

NETWORKS = ("inception_v3", "xception", "resnet50_patches")


def summarize(
    rounds: list[dict[str, Any]], ours: str, flops: int, setup_s: dict[str, float]
) -> dict[str, Any]:
    """Medians over the rounds; every ratio is taken inside its round.

    Args:
        rounds: what `Contest.round` gave.
        ours: name of the way that fills the bank.
        flops: of one image through the base.
        setup_s: of each way.
    """

    def median(value: Callable[[dict[str, Any]], float]) -> float:
        return statistics.median(value(row) for row in rounds)

    bares = {
        name: statistics.median(row["bare_images_per_s"][name] for row in rounds)
        for name in rounds[0]["bare_images_per_s"]
    }
    fastest = max(bares, key=bares.__getitem__)

    def first(row: dict[str, Any]) -> float:
        return row["bank_s"] + row["head_s"]

    def first_whole(row: dict[str, Any]) -> float:
        return setup_s[ours] + row["bank_s"] + row["head_with_graph_s"]

    def share_of_peak(row: dict[str, Any]) -> float:
        return row["ours_images_per_s"] * flops / 1e9 / row["peak_gflops"][ours]

    heads = len(rounds[0]["further_heads_s"])
    return {
        "paper_images_per_s": median(lambda row: row["paper_images_per_s"]),
        "ours_images_per_s": median(lambda row: row["ours_images_per_s"]),
        "times_paper": median(lambda row: row["ours_images_per_s"] / row["paper_images_per_s"]),
        "bare_images_per_s": bares,
        "fastest_bare": fastest,
        "share_of_bare": median(
            lambda row: row["ours_images_per_s"] / row["bare_images_per_s"][fastest]
        ),
        "peak_gflops": median(lambda row: row["peak_gflops"][ours]),
        "share_of_peak": median(share_of_peak),
        "bare_share_of_peak": {
            name: statistics.median(
                row["bare_images_per_s"][name] * flops / 1e9 / row["peak_gflops"][name]
                for row in rounds
            )
            for name in bares
        },
        "one_further_head_share": median(lambda row: row["further_heads_s"][0] / first(row)),
        "further_head_share": median(lambda row: sum(row["further_heads_s"]) / heads / first(row)),
        "further_head_share_with_graph": median(
            lambda row: sum(row["further_heads_with_graph_s"]) / heads / first_whole(row)
        ),
        "bank_times_streaming_1_head": median(lambda row: row["streaming_s"] / first(row)),
        f"bank_times_streaming_{heads}_heads": median(
            lambda row: heads * row["streaming_s"] / (row["bank_s"] + sum(row["further_heads_s"]))
        ),
        f"streaming_{heads}_heads": "computed: streaming runs the base again for every head",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_source(parser, n=64)
    parser.add_argument("--weights", default="random", help="a folder of ImageNet weights")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME")
    parser.add_argument("--patch-size", type=int, default=224, help="pixels a side")
    parser.add_argument("--draws", type=int, default=208, help="radiographs; a multiple of 8")
    parser.add_argument("--heads", type=int, default=10, help="further heads on a filled bank")
    parser.add_argument("--matrix", type=int, help="side of the matrices; by default it depends")
    parser.add_argument("--rounds", type=int, default=3)
    add_options(parser)
    arguments = parser.parse_args()
    if arguments.draws < BATCH or arguments.draws % BATCH:
        parser.error(f"Found --draws {arguments.draws}; expected a multiple of {BATCH}.")
    machine = describe_machine(with_keras=True)
    networks: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        cohort = open_source(arguments, scratch)
        for name in arguments.networks:
            contest = Contest(name, cohort, arguments)
            rounds = [contest.round(Path(scratch) / f"{name}-{k}") for k in range(arguments.rounds)]
            networks[name] = {
                "image": [contest.looks, contest.side, contest.side],
                "ours": describe_way(contest.ours),
                "flops_an_image": contest.flops,
                "setup_s": contest.setup_s,
                "summary": summarize(rounds, contest.ours.name, contest.flops, contest.setup_s),
                "rounds": rounds,
            }
            del contest
    weights = weights_kind(arguments.weights)
    print(
        f"{arguments.draws} draws of {cohort.size} px ({kind(cohort)}), {weights} weights, "
        f"medians of {arguments.rounds}; images/s\n"
    )
    show(networks, arguments.heads, arguments.out)
    record = {
        "machine": machine,
        "ways": [describe_way(way) for way in find_ways()],
        "paper": f"{machine['backend']}, float32",
        "data": kind(cohort),
        "weights": weights,
        "size": cohort.size,
        "draws": arguments.draws,
        "batch_size": BATCH,
        "heads": arguments.heads,
        "networks": networks,
    }
    finish(record, arguments)


def show(networks: dict[str, Any], heads: int, out: Path | None) -> None:
    """Print one row a network."""
    table = []
    for name, found in networks.items():
        row = found["summary"]
        bare = row["bare_images_per_s"][row["fastest_bare"]]
        table.append(
            [
                network(name).title,
                row["paper_images_per_s"],
                row["ours_images_per_s"],
                f"{row['times_paper']:.2f}",
                f"{bare:.1f} {row['fastest_bare']}",
                f"{row['share_of_bare']:.2f}",
                f"{row['share_of_peak']:.1%}",
                f"{row['further_head_share']:.2%}",
                f"{row['further_head_share_with_graph']:.2%}",
                row["bank_times_streaming_1_head"],
                row[f"bank_times_streaming_{heads}_heads"],
            ]
        )
    shares = ["times", "fastest bare", "of bare", "of peak", "further head", "with graph"]
    streaming = [f"x streaming, {n}" for n in (1, heads)]
    print_table(["network", "paper", "ours", *shares, *streaming], table, out)
    print(
        "\nof bare, of peak: ours as a share of the fastest bare forward pass, and of the matrix-"
        "product peak in its precision. further head: as a share of the first training; with "
        "graph: set-up counted on both sides. x streaming: how many times faster the bank is for "
        f"1 and {heads} heads; of the latter, streaming's part is computed, as it runs the base "
        "again for every head."
    )


if __name__ == "__main__":
    main()
