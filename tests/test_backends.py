"""TensorFlow and JAX train to one result, and so do one device and two.

Three processes that load Keras and compile, beside the other tests: `make long` and `make jax` run
them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax", reason="jax is not installed: nothing to compare TensorFlow with")

pytestmark = pytest.mark.long

#: On maps, and on several looks a radiograph: the two that differ in what devices share. From these
#: the other two differ in the size and the activation of their heads.
NETWORKS = ("xception_attention", "resnet50_patches")
ENGINES = ("bank", "streaming")
ALL = [f"{name}:{engine}" for name in NETWORKS for engine in ENGINES]
#: That TensorFlow's engines train alike, `test_engines.py` holds.
STREAMED = [f"{name}:streaming" for name in NETWORKS]
#: What each process trains, and with which environment.
PROCESSES: dict[str, tuple[dict[str, str], list[str]]] = {
    "tensorflow": ({"KERAS_BACKEND": "tensorflow"}, STREAMED),
    "jax": ({"KERAS_BACKEND": "jax"}, ALL),
    "jax on two devices": (
        {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        STREAMED,
    ),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What all processes found, run side by side."""
    folder = tmp_path_factory.mktemp("backends")
    tests = Path(__file__).parent
    running = {}
    for name, (variables, trainings) in PROCESSES.items():
        path = os.pathsep.join([str(tests.parent), os.environ.get("PYTHONPATH", "")])
        running[name] = subprocess.Popen(
            [sys.executable, tests / "backend_run.py", folder / f"{name}.json", *trainings],
            env={**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path, **variables},
            stderr=subprocess.PIPE,
            text=True,
        )
    for process in running.values():
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in running}


def assert_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    for curve in ("loss", "val_loss"):
        np.testing.assert_allclose(one[curve], other[curve], atol=1e-4)
    np.testing.assert_allclose(one["predicted_months"], other["predicted_months"], atol=0.05)


@pytest.mark.parametrize("training", STREAMED)
def test_backends_train_alike(records: dict[str, Any], training: str) -> None:
    tensorflow, jax = (records[name]["trainings"][training] for name in ("tensorflow", "jax"))
    assert (records["tensorflow"]["backend"], records["jax"]["backend"]) == ("tensorflow", "jax")
    assert len(jax["loss"]) == 2 and np.std(jax["predicted_months"]) > 1
    assert_alike(tensorflow, jax)


@pytest.mark.parametrize("name", NETWORKS)
def test_engines_train_alike_on_jax(records: dict[str, Any], name: str) -> None:
    trainings = records["jax"]["trainings"]
    assert_alike(*(trainings[f"{name}:{engine}"] for engine in ENGINES))


@pytest.mark.parametrize("training", STREAMED)
def test_two_devices_train_like_one(records: dict[str, Any], training: str) -> None:
    one, two = (records[name]["trainings"][training] for name in ("jax", "jax on two devices"))
    assert (one["devices"], two["devices"]) == (1, 2)
    assert_alike(one, two)


def test_a_batch_that_two_devices_cannot_share_is_refused(records: dict[str, Any]) -> None:
    assert "batch_size=7 on 2 devices" in records["jax on two devices"]["refused"]


EXPORTED = """
import numpy as np
from boneage_lib.training.extraction import Extractor
grey = np.random.default_rng(0).integers(0, 256, (2, 71, 71), dtype=np.uint8)
found, expected = (
    Extractor("xception", 71, runtime=runtime, precision="float32")(grey)[0]
    for runtime in ("openvino", "keras")
)
np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6 * np.abs(expected).max())
"""


@pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)
def test_openvino_takes_a_base_from_jax() -> None:
    """What JAX lowers it to holds operations that OpenVINO does not know."""
    done = subprocess.run(
        [sys.executable, "-c", EXPORTED],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
