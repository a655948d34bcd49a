"""What a network computes, and what the device can: FLOPs, and the matrix-product peak.

    .venv/bin/python benchmarks/flops.py [--size 500] [--precision float32]

A benchmark's share of peak is ``images/s × FLOPs an image ÷ peak``. Only multiplications of weights
are counted, two FLOPs each (one multiplication, one addition): activations, pooling, batch-norm and
the augmentation are work as well, but none that a matrix unit could do.
"""

from __future__ import annotations

import argparse
import math
import time

from boneage_lib.backend import keras
from boneage_lib.bases import BASES
from boneage_lib.networks import count_flops, frozen_backbone
from boneage_lib.training.runtimes import on_gpu


def matmul_peak(precision: str, side: int | None = None, seconds: float = 1.0) -> float:
    """FLOP/s of the fastest of several products of square matrices, by the Keras backend.

    Matrices are random, as zeros are multiplied faster on some devices. Float32 is what the backend
    makes of it by default, as for the networks: on a GPU that may be TF32.

    Args:
        precision: ``"float32"`` or ``"bfloat16"``.
        side: of the matrices; by default 8192 on a GPU, 2048 on a CPU.
        seconds: how long to go on measuring.
    """
    ops = keras.ops
    if side is None:
        side = 8192 if on_gpu() else 2048
    # Scaled so that products of products keep their size.
    left, right = (
        ops.cast(keras.random.normal((side, side), seed=seed) / math.sqrt(side), precision)
        for seed in range(2)
    )

    def took(products: int) -> float:
        started = time.perf_counter()
        product = left
        for _ in range(products):
            product = ops.matmul(product, right)
        ops.convert_to_numpy(ops.cast(product[0, 0], "float32"))  # waits for all of them
        return time.perf_counter() - started

    took(2)  # compiles, and wakes the device
    # As many at a time as hide the way there and back: a twentieth of a second.
    products = max(1, min(100, round(0.05 / took(1))))
    rates = []
    until = time.perf_counter() + seconds
    while not rates or time.perf_counter() < until:
        rates.append(2 * side**3 * products / took(products))
    return max(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=500, help="pixels a side; patches are 224")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    arguments = parser.parse_args()
    for name, side in (
        ("inception_v3", arguments.size),
        ("xception", arguments.size),
        ("resnet50", 224),
    ):
        flops = count_flops(frozen_backbone(name, side))
        print(f"{BASES[name].application}, {side} px: {flops / 1e9:.2f} GFLOP an image")
    print(f"matrix products, {arguments.precision}: {matmul_peak(arguments.precision):.3g} FLOP/s")


if __name__ == "__main__":
    main()
