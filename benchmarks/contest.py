"""Everything about one network that `training.py` measures, built and warm."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from forward import MatrixPeak, Way, find_ways, images_per_s
from paper_style import BATCH, PaperStyle, step_clock

from boneage_lib.bases import weights_kind
from boneage_lib.data import AgeNormalizer, Cohort
from boneage_lib.inputs import number_uses, view_batches
from boneage_lib.networks import FeatureScale, build, build_head, count_flops, network
from boneage_lib.training import Extractor, Settings, fill_bank
from boneage_lib.training.banks import map_dtype
from boneage_lib.training.datasets import Draws
from boneage_lib.training.engines import BankEngine, Engine, StreamingEngine
from boneage_lib.training.feature_bank import PIXELS_A_BATCH
from boneage_lib.training.fitting import fit_head
from boneage_lib.training.plan import recipe, side


class Contest:
    """One network, everything built, compiled and warm; `round` measures all ways once.

    Args:
        name: of the network.
        cohort: where the radiographs are.
        arguments: of `training.py`.
    """

    def __init__(self, name: str, cohort: Cohort, arguments: argparse.Namespace) -> None:
        self.name, self.cohort, self.spec = name, cohort, network(name)
        self.draws, self.n_heads = arguments.draws, arguments.heads
        self.settings = Settings(epochs=1, batch_size=BATCH, patch_size=arguments.patch_size)
        self.recipe = recipe(self.spec, self.settings, training=True)
        self.looks, self.side = self.recipe.looks(), side(self.spec, cohort, self.settings)
        self.weights = arguments.weights
        self.random = weights_kind(self.weights) == "random"
        train = cohort.rows("train")
        ages = cohort.labels["boneage_months"].to_numpy()
        self.normalizer = AgeNormalizer.fit(ages[train])
        rows = np.random.default_rng(0).choice(train, self.draws)
        views = number_uses(rows, rows.size)  # a new view for every draw
        # The first batch comes twice: once to build the graph, then counted.
        rows, views = (np.concatenate([array[:BATCH], array]) for array in (rows, views))
        female = cohort.labels["female"].to_numpy()[rows]
        self.drawn = Draws(
            rows[None], views[None], female[None], self.normalizer.to_z(ages[rows])[None]
        )
        radiographs = max(1, round(PIXELS_A_BATCH / self.side**2 / self.looks))
        grey = np.concatenate(
            list(view_batches(cohort, rows[BATCH:], views[BATCH:], self.recipe))
        ).reshape(-1, self.side, self.side)
        whole = max(1, len(grey) // (radiographs * self.looks)), radiographs * self.looks
        self.ready = np.resize(grey, (*whole, self.side, self.side))
        self.setup_s: dict[str, float] = {}
        self.extractors: dict[Way, Extractor] = {}
        self.peaks: dict[Way, MatrixPeak] = {}
        for way in find_ways():
            extractor = Extractor(
                self.spec.backbone,
                self.side,
                arguments.weights,
                runtime=way.runtime,
                precision=way.precision,
            )
            self.setup_s[way.name] = timed(partial(extractor, self.ready[0]))
            if not self.spec.pooled:
                extractor(self.ready[0], maps=True)
            self.extractors[way] = extractor
            self.peaks[way] = MatrixPeak(way, arguments.matrix)
        self.ours = list(self.extractors)[-1]
        self.flops = count_flops(self.base())
        model = build(name, self.side, arguments.weights)
        count = self.looks if self.spec.patches else 0
        self.paper = PaperStyle(
            model,
            cohort,
            train[: arguments.n],
            self.normalizer.to_z(ages[train[: arguments.n]]),
            (count, self.recipe.patch_size),
        )
        self.setup_s["paper"] = self.paper.fit(BATCH)[1]

    def base(self) -> Any:
        """The Keras model of the base alone."""
        return self.extractors[self.ours].pooled_model.get_layer(self.spec.backbone)

    def bank(self, folder: Path) -> tuple[float, BankEngine]:
        """Seconds to fill the bank, and the engine on it."""
        rows, views = self.drawn.rows, self.drawn.views
        started = time.perf_counter()
        bank = fill_bank(
            folder,
            self.cohort,
            rows,
            views,
            self.recipe,
            self.extractors[self.ours],
            maps=not self.spec.pooled,
            map_dtype=map_dtype(self.weights, self.extractors[self.ours]),
        )
        seconds = time.perf_counter() - started
        return seconds, BankEngine({"train": bank}, self.spec.pooled)

    def head(self, engine: Engine, seed: int = 0) -> tuple[float, float]:
        """Seconds of fitting one head to all draws: its steps, and with building its graph."""
        started = time.perf_counter()
        head = build_head(
            self.name,
            engine.feature_shape,
            self.settings.dropout,
            seed,
            self.extractors[self.ours].spec["precision"],
        )
        first = Draws(*(part[:, :BATCH] for part in vars(self.drawn).values()))
        clock = step_clock()
        fit_head(
            head,
            engine.batches("train", self.drawn, BATCH),
            engine.batches("train", first, BATCH),  # it wants something to validate on
            self.normalizer,
            self.settings,
            verbose=False,
            extra_callbacks=[clock],
            model=engine.model(head),
        )
        return clock.seconds, time.perf_counter() - started

    def round(self, folder: Path) -> dict[str, Any]:
        """Seconds and speeds of all ways, once."""
        images = self.draws * self.looks
        paper_s, _ = self.paper.fit(self.draws)
        # Ours comes last of the bare ways, right before the bank that it is compared with.
        bare = {way.name: images_per_s(e, self.ready) for way, e in self.extractors.items()}
        bank_s, engine = self.bank(folder)
        scale = None
        if self.random:  # only random bases need it: outside the clock
            some = slice(None, None, max(1, self.draws // 256))
            seen = self.drawn.rows[0, some], self.drawn.views[0, some]
            scale = FeatureScale.fit(engine.features("train", *seen))
        engine.scaled(scale)
        head_s, head_whole_s = self.head(engine)
        heads = [self.head(engine, seed) for seed in range(1, self.n_heads + 1)]
        streaming = StreamingEngine(
            self.cohort,
            self.extractors[Way("keras", "float32")],
            {"train": self.recipe},
            self.spec.pooled,
            self.settings.views_seed,
        )
        streaming.scaled(scale)
        streaming_s, streaming_whole_s = self.head(streaming)
        return {
            "paper_images_per_s": images / paper_s,
            "ours_images_per_s": images / (bank_s + head_s),
            "bare_images_per_s": bare,
            "bank_s": bank_s,
            "head_s": head_s,
            "head_with_graph_s": head_whole_s,
            "further_heads_s": [steps for steps, _ in heads],
            "further_heads_with_graph_s": [whole for _, whole in heads],
            "streaming_s": streaming_s,
            "streaming_with_graph_s": streaming_whole_s,
            "peak_gflops": {way.name: peak.measure() / 1e9 for way, peak in self.peaks.items()},
        }


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
