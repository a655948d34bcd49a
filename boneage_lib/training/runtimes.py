"""What runs a frozen base fastest on this machine: Keras' own backend, or OpenVINO on a CPU."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from boneage_lib.errors import InputError

RUNTIMES = ("auto", "keras", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16")
Runner = Callable[[np.ndarray], list[np.ndarray]]


def on_gpu() -> bool:
    """True when Keras' backend computes on a GPU."""
    # Asked for GPUs, JAX raises where it has none.
    return any(device.startswith("gpu") for device in keras.distribution.list_devices())


def choose_runtime(runtime: str = "auto") -> str:
    """``"keras"`` or ``"openvino"``: the latter where it can be used and no GPU is there.

    Raises:
        InputError: an unknown runtime; OpenVINO is asked for, and it or TensorFlow, which exports
            to it whatever the backend is, is not installed.
    """
    if runtime not in RUNTIMES:
        raise InputError(f"Found runtime={runtime!r}; expected one of {', '.join(RUNTIMES)}.")
    installed = all(importlib.util.find_spec(name) for name in ("openvino", "tensorflow"))
    if runtime == "openvino" and not installed:
        raise InputError(
            "Found no OpenVINO; expected the packages openvino and tensorflow. Install them "
            "(pip install 'boneage[cpu]'), or use runtime='keras'."
        )
    if runtime == "auto":
        return "openvino" if installed and not on_gpu() else "keras"
    return runtime


def choose_precision(precision: str, runtime: str) -> str:
    """``"float32"`` or ``"bfloat16"``: by default what is fastest here without harm.

    That is bfloat16 on GPUs and for OpenVINO on processors that compute in it, else float32:
    TensorFlow's bfloat16 on a CPU without such instructions takes twice the time.

    Raises:
        InputError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise InputError(f"Found precision={precision!r}; expected one of {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return precision
    if runtime == "openvino":
        import openvino

        able = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return "bfloat16" if able else "float32"
    return "bfloat16" if on_gpu() else "float32"


def describe_runtime(runtime: str, precision: str) -> dict[str, str]:
    """What computes features, as plain values: another one gives other last digits."""
    described = describe_keras() if runtime == "keras" else _release(runtime)
    return {"runtime": described, "precision": precision}


def describe_keras() -> str:
    """Keras and its backend, with their versions: what trains heads, whatever runs the base."""
    return f"keras {keras.__version__} on {_release(keras.backend.backend())}"


def _release(name: str) -> str:
    release = sys.modules[name].__version__ if name in sys.modules else version(name)
    return f"{name} {release.split('-')[0]}"


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Turn a device's running out of memory into advice.

    Args:
        what: is computed.

    Raises:
        InputError: the device has too little memory; names the settings to lower.
    """
    try:
        yield
    except Exception as error:
        told = str(error).upper()
        if "RESOURCE_EXHAUSTED" in told or "RESOURCE EXHAUSTED" in told or "OUT OF MEMORY" in told:
            raise InputError(
                f"The device has too little memory for {what}. Lower batch_size or patch_count, "
                "use smaller radiographs, or give the device to this run alone."
            ) from error
        raise


def keras_runner(model: keras.Model) -> Runner:
    """A model compiled by Keras' backend; several threads may call it on a GPU at once.

    On JAX apart from Keras' ``predict_on_batch``, which hands the weights over to each call and
    takes them back, so that no second batch can be under way.
    """
    if keras.backend.backend() == "jax":
        from jax import jit

        forward = jit(
            lambda trainable, others, grey: model.stateless_call(
                trainable, others, grey, training=False
            )[0]
        )

        def predict(grey: np.ndarray) -> Any:
            # Read anew: a training may have replaced what the variables hold.
            trainable, others = (
                [variable.value for variable in variables]
                for variables in (model.trainable_variables, model.non_trainable_variables)
            )
            return forward(trainable, others, grey)
    else:
        predict = model.predict_on_batch

    def run(grey: np.ndarray) -> list[np.ndarray]:
        found = predict(grey)
        return [np.asarray(array) for array in (found if isinstance(found, list) else [found])]

    return run


#: Run on TensorFlow; its words are a saved model and the file that OpenVINO reads.
EXPORT = """
import sys
import keras
import boneage_lib.networks
model = keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True)
model.export(sys.argv[2], format="openvino", verbose=False)
"""


def _export(model: keras.Model, path: Path) -> None:
    """Write a model as OpenVINO reads it.

    What JAX makes of a model holds operations that OpenVINO does not know; another process, on
    TensorFlow, exports its saved copy.

    Raises:
        InputError: the other process failed.
    """
    if keras.backend.backend() == "tensorflow":
        model.export(str(path), format="openvino", verbose=False)
        return
    whole = path.with_suffix(".keras")
    model.save(whole)
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(whole), str(path)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InputError(
            f"A base could not be exported to OpenVINO; use runtime='keras'.\n{done.stderr[-2000:]}"
        )


def openvino_runner(model: keras.Model, precision: str) -> Runner:
    """A model exported to OpenVINO and compiled for this processor.

    Args:
        model: from grey bytes (batch, side, side) to one or more arrays.
        precision: ``"float32"`` or ``"bfloat16"``.

    Returns:
        A function from a batch to the list of the model's outputs.
    """
    import openvino

    core = openvino.Core()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base.xml"
        _export(model, path)
        read = core.read_model(path)
        hints = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32"}
        compiled = core.compile_model(read, "CPU", hints)

    def run(grey: np.ndarray) -> list[np.ndarray]:
        found = compiled([grey])
        return [np.array(found[k]) for k in range(len(compiled.outputs))]

    return run
