"""Cohorts: radiographs and labels, real or synthetic, and uniform resampling."""

from boneage_lib.data.cohort import SPLITS, Cohort
from boneage_lib.data.heaping import heaping, implied_rounding, other_heaps, rounding_error
from boneage_lib.data.histogram import age_by_sex, load_histogram, table1
from boneage_lib.data.inspection import (
    FLAGS,
    GREY_LEVELS,
    Inspection,
    file_sizes,
    flags,
    id_ranges,
    inspect_images,
    nearest_to_flags,
)
from boneage_lib.data.likeness import close_pairs, pairs_by_split
from boneage_lib.data.maturity import noise_floor_months
from boneage_lib.data.normalization import normalization_floor
from boneage_lib.data.phantom_cohort import write_phantoms
from boneage_lib.data.resampling import (
    AGE_BINS,
    AgeNormalizer,
    age_bins,
    effective_sample_size,
    expected_draw,
    resample_uniformly,
)
from boneage_lib.data.rsna import prepare, report
from boneage_lib.data.splits import stratified_split

__all__ = [
    "AGE_BINS",
    "FLAGS",
    "GREY_LEVELS",
    "SPLITS",
    "AgeNormalizer",
    "Cohort",
    "Inspection",
    "age_bins",
    "age_by_sex",
    "close_pairs",
    "effective_sample_size",
    "expected_draw",
    "file_sizes",
    "flags",
    "heaping",
    "id_ranges",
    "implied_rounding",
    "inspect_images",
    "load_histogram",
    "nearest_to_flags",
    "noise_floor_months",
    "normalization_floor",
    "other_heaps",
    "pairs_by_split",
    "prepare",
    "report",
    "resample_uniformly",
    "rounding_error",
    "stratified_split",
    "table1",
    "write_phantoms",
]
