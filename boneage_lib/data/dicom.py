"""DICOM radiographs to grey samples, without ever looking at whose they are."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from boneage_lib.errors import InputError

MAX_BITS = 16
# Only what describes pixels is read: no name, date or number of a patient is even parsed.
PIXEL_TAGS = [
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "PixelData",
]


def read_dicom(content: bytes, max_pixels: int) -> tuple[np.ndarray, int]:
    """The picture of a DICOM file as a viewer shows it, bone bright.

    The modality's rescaling and the first window are applied; without a window the whole range of
    the stored bits is shown. MONOCHROME1, in which more means darker, is turned round, and color
    becomes grey.

    Args:
        content: a DICOM file, uncompressed or in an encoding that the installed decoders know.
        max_pixels: the most pixels it may have.

    Returns:
        A float32 array (height, width) from 0, dark, to 1, bright, and the bits stored a sample.

    Raises:
        InputError: damaged, without a picture, with several frames, too large, with more than 16
            bits, or in a compression that no installed decoder knows. No message repeats a value
            from the file that could name a patient.
    """
    # What pydicom warns of may quote the file.
    warnings.filterwarnings("ignore", module="pydicom")
    try:
        dataset = pydicom.dcmread(io.BytesIO(content), specific_tags=PIXEL_TAGS)
        if "PixelData" not in dataset:
            raise InputError("a DICOM file without a picture")
        height, width = int(dataset.Rows), int(dataset.Columns)
        frames = int(dataset.get("NumberOfFrames", 1) or 1)
        bits = int(dataset.BitsStored)
        photometric = str(dataset.PhotometricInterpretation)
        syntax = dataset.file_meta.TransferSyntaxUID
    except InputError:
        raise
    except Exception as error:
        raise InputError("a damaged DICOM file") from error
    if width * height > max_pixels:
        raise InputError(f"too large ({width} × {height}; at most {max_pixels:,} pixels)")
    if frames != 1:
        raise InputError(f"a DICOM file with {frames} frames; expected one radiograph")
    if not 1 <= bits <= MAX_BITS:
        raise InputError(f"a DICOM file with {bits} bits a sample; expected 1 to {MAX_BITS}")
    try:
        samples = dataset.pixel_array
    except (NotImplementedError, RuntimeError) as error:
        if syntax.is_compressed:
            raise InputError(
                f"a DICOM file compressed as {syntax.name}, which nothing installed here decodes; "
                "install pylibjpeg's decoders or python-gdcm, or decompress it"
            ) from error
        raise InputError("a damaged DICOM file") from error
    except Exception as error:
        raise InputError("cut off or damaged") from error
    try:
        if samples.ndim == 3:
            grey = cv2.cvtColor(samples, cv2.COLOR_RGB2GRAY)
            return grey.astype(np.float32) / (2**bits - 1), bits
        rescaled = apply_modality_lut(samples, dataset)
        shown = np.asarray(apply_voi_lut(rescaled, dataset), dtype=np.float32)
        low, high = _displayed_range(dataset, bits)
    except Exception as error:
        raise InputError("a DICOM file whose display settings make no sense") from error
    picture = np.clip((shown - np.float32(low)) / np.float32(high - low), 0, 1)
    return (1 - picture if photometric == "MONOCHROME1" else picture), bits


def _displayed_range(dataset: pydicom.Dataset, bits: int) -> tuple[float, float]:
    """Least and greatest value that the display can give (DICOM PS3.3, C.11.1 and C.11.2)."""
    for table in ("VOILUTSequence", "ModalityLUTSequence"):
        if dataset.get(table):
            return 0.0, float(2 ** int(dataset[table].value[0].LUTDescriptor[2]) - 1)
    signed = int(dataset.PixelRepresentation) == 1
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    slope = float(dataset.get("RescaleSlope", 1))
    low, high = sorted(end * slope + float(dataset.get("RescaleIntercept", 0)) for end in ends)
    return low, high
