"""Trained networks of a run, opened again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np

from boneage_lib.data import AgeNormalizer
from boneage_lib.inputs import UNAUGMENTED, Recipe
from boneage_lib.networks import (
    FeatureScale,
    attention,  # noqa: F401 - a layer has to be known to be read
    network,
)
from boneage_lib.report.run import NOTEBOOK_OF, Run
from boneage_lib.training import Reader
from boneage_lib.training.extraction import Extractor


def open_model(run: Run, name: str) -> keras.Model:
    """The trained network of a run, from RGB images and sex to z-scores.

    Args:
        run: whose notebooks have trained it.
        name: a key of `boneage_lib.networks.NETWORKS`.

    Raises:
        MissingResult: it is not there; names the notebook that makes it.
        InputError: it is damaged; says how it is made again.
    """
    return keras.saving.load_model(run.model_file(name), compile=False, safe_mode=True)


def open_reader(run: Run, name: str) -> Reader:
    """The same as what answers to any radiograph, in this machine's fastest runtime.

    Args:
        run: see `open_model`, also for what is raised.
        name: see there.
    """
    result = run.read_json(f"{name}.json", NOTEBOOK_OF[name])
    base, settings, spec = result["base"], result["settings"], network(name)
    model = open_model(run, name)
    pretrained = base["weights"]["kind"] != "random"  # see `Extractor`
    with tempfile.TemporaryDirectory() as folder:
        # The base that the network was saved with, wherever its weights once came from.
        file = Path(folder) / f"{spec.backbone}.weights.h5"
        model.get_layer(spec.backbone).save_weights(file)
        extractor = Extractor(
            spec.backbone,
            base["side"],
            file,
            settings["views_seed"],
            base["input_form"],
            "auto" if pretrained else "keras",
            "auto" if pretrained else "float32",
        )
        _ = extractor.pooled_model  # built before the folder is gone
    scale = None
    if "feature_scale" in {layer.name for layer in model.layers}:
        layer = model.get_layer("feature_scale")
        factor = float(layer.scale)
        scale = FeatureScale(-np.asarray(layer.offset, dtype="float64") / factor, factor)
    count = settings["evaluation_patches"] if spec.patches else 0
    return Reader(
        spec,
        model.get_layer(f"{name}_head"),
        AgeNormalizer(**result["normalizer"]),
        extractor,
        scale,
        Recipe(UNAUGMENTED, count, settings["patch_size"]),
        settings["views_seed"],
    )
