"""Cohorts: radiographs and labels, real or synthetic, and uniform resampling."""

from boneage_lib.data.cohort import Cohort
from boneage_lib.data.histogram import load_histogram, table1
from boneage_lib.data.phantom_cohort import write_phantoms
from boneage_lib.data.resampling import (
    AGE_BINS,
    AgeNormalizer,
    age_bins,
    effective_sample_size,
    resample_uniformly,
)
from boneage_lib.data.rsna import prepare, report
from boneage_lib.data.splits import stratified_split

__all__ = [
    "AGE_BINS",
    "AgeNormalizer",
    "Cohort",
    "age_bins",
    "effective_sample_size",
    "load_histogram",
    "prepare",
    "report",
    "resample_uniformly",
    "stratified_split",
    "table1",
    "write_phantoms",
]
