"""Cohorts of synthetic radiographs."""

import json

import numpy as np
import pytest

from boneage_lib.data.cohort import Cohort
from boneage_lib.data.phantom import draw_radiograph
from boneage_lib.data.phantom_cohort import write_phantoms
from boneage_lib.errors import InputError


def test_cohort_round_trip(tmp_path):
    seen = []
    cohort = write_phantoms(
        tmp_path / "cohort", n=20, size=32, seed=5, progress=lambda done, n: seen.append((done, n))
    )
    assert seen == [(done, 20) for done in range(1, 21)]
    assert len(cohort) == 20 and cohort.size == 32 and cohort.synthetic
    assert {cohort.info["seed"], cohort.info["n"]} == {5, 20}
    assert cohort.info["split_origin"] == "stratified"
    assert all(len(cohort.rows(split)) for split in ("train", "validation", "test"))
    assert len(Cohort.open(tmp_path / "cohort", verify=True)) == 20
    # Every radiograph can be drawn again on its own: neither order nor threads matter.
    for row in (13, 2):
        label = cohort.labels.iloc[row]
        alone = draw_radiograph(
            label["boneage_months"],
            bool(label["female"]),
            32,
            np.random.default_rng([5, label["id"]]),
        )
        np.testing.assert_array_equal(cohort.images[row], alone)
    again = write_phantoms(tmp_path / "again", n=20, size=32, seed=5)
    assert again.checksum == cohort.checksum
    record = json.loads((tmp_path / "again" / "cohort.json").read_text())
    assert record["maturity_noise_months"] == 6.0


@pytest.mark.parametrize(
    "wrong", [{"n": 19}, {"size": 31}, {"maturity_noise_months": -1}, {"seed": -1}]
)
def test_bad_cohorts_are_refused_before_any_work(tmp_path, wrong):
    with pytest.raises(InputError, match="Found .* expected"):
        write_phantoms(tmp_path / "cohort", **wrong)
    assert not any(tmp_path.iterdir())
