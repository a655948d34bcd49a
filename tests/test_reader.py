"""A reader answers as its training did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_base, tiny_cohort

from boneage_lib.networks import NETWORKS, heads
from boneage_lib.training import ENGINES, Reader, Settings, extraction, train

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


@pytest.mark.parametrize("engine", ENGINES)
def test_it_computes_as_its_training_did(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in what would be chosen here and now."""
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    settings = Settings(epochs=1, draws_per_cell=4, views=1, engine=engine)
    trained = train(
        "xception",
        tiny_cohort(size=80),
        settings,
        tmp_path,
        runtime="keras",
        precision="bfloat16",
        verbose=False,
    )
    assert Reader.of(trained, None).extractor.spec == trained.provenance["base"]


@pytest.mark.parametrize("name", NETWORKS)
def test_it_gives_the_answers_of_its_training(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "frozen_backbone", tiny_base)
    monkeypatch.setattr(heads, "frozen_backbone", tiny_base)
    cohort = tiny_cohort(size=80)
    settings = Settings(epochs=1, draws_per_cell=4, views=1, patch_size=40)
    trained = train(name, cohort, settings, tmp_path, verbose=False)
    expected = trained.predictions.query("split == 'test'")
    rows = cohort.rows("test")
    labels = cohort.labels.iloc[rows]
    reader = Reader.of(trained, None)
    found = reader.months(cohort.images[rows], labels["female"].to_numpy(), labels["id"].to_numpy())
    np.testing.assert_allclose(found, expected["predicted_months"], atol=1e-3)
    brighter = cohort.images[rows] // 2
    other = reader.months(brighter, labels["female"].to_numpy(), labels["id"].to_numpy())
    assert np.abs(other - found).max() > 0.1, "it looks at the pixels"
    if NETWORKS[name].patches:
        more = Reader.of(trained, None, patches=9)
        z = more.answers_z(
            more.features(more.looks_at(cohort.images[rows], labels["id"].to_numpy())),
            labels["female"].to_numpy(),
        )
        assert z.shape == (len(rows), 9)
        np.testing.assert_allclose(z[:, :3], trained.looks_z[-len(rows) :], atol=1e-4)
