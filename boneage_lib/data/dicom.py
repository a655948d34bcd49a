"""DICOM radiographs to grey samples, without ever looking at whose they are."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
import pydicom
from pydicom.encaps import get_frame
from pydicom.filereader import read_partial
from pydicom.pixels import apply_modality_lut, apply_voi_lut, get_decoder
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from boneage_lib.data.codestreams import check_frame
from boneage_lib.errors import InputError

MAX_BITS = 16
# What stands before the pixels of a radiograph has some kilobytes. Parsed, it takes fifty times its
# size, so that more is not looked at.
MAX_HEADER_BYTES = 2 * 2**20
PIXEL_DATA = 0x7FE00010
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
            bits, or in a compression that no installed decoder knows. Sizes are compared before
            anything is unpacked. No message repeats a value from the file that could name a
            patient.
    """
    # What pydicom warns of may quote the file.
    warnings.filterwarnings("ignore", module="pydicom")
    if DeflatedExplicitVRLittleEndian.encode() in content:
        # pydicom would unpack all of it at once, however much that is.
        raise InputError(
            "a DICOM file deflated as a whole; decompress it, for example with dcmconv"
        )
    try:
        dataset = _read(content)
        if "PixelData" not in dataset:
            raise InputError("a DICOM file without a picture")
        height, width = int(dataset.Rows), int(dataset.Columns)
        frames = int(dataset.get("NumberOfFrames", 1) or 1)
        bits, allocated = int(dataset.BitsStored), int(dataset.BitsAllocated)
        samples_a_pixel = int(dataset.SamplesPerPixel)
        photometric = str(dataset.PhotometricInterpretation)
        syntax = dataset.file_meta.TransferSyntaxUID
        compressed = syntax.is_compressed
    except InputError:
        raise
    except Exception as error:
        raise InputError("a damaged DICOM file") from error
    if width * height > max_pixels:
        raise InputError(f"too large ({width} × {height}; at most {max_pixels:,} pixels)")
    if frames != 1:
        raise InputError(f"a DICOM file with {frames} frames; expected one radiograph")
    if not 1 <= bits <= MAX_BITS or allocated not in (8, 16):
        told = max(bits, allocated)
        raise InputError(f"a DICOM file with {told} bits a sample; expected 1 to {MAX_BITS}")
    if samples_a_pixel not in (1, 3) or min(width, height) < 1:
        raise InputError("a DICOM file whose picture is empty, or neither gray nor in color")
    try:
        if compressed and get_decoder(syntax).is_available:
            frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
            check_frame(frame, syntax, width, height, samples_a_pixel)
        samples = dataset.pixel_array
    except InputError:
        raise
    except (NotImplementedError, RuntimeError) as error:
        if compressed:
            raise InputError(
                f"a DICOM file compressed as {syntax.name}, which nothing installed here decodes; "
                "install pylibjpeg's decoders or python-gdcm, or decompress it"
            ) from error
        raise InputError("a damaged DICOM file") from error
    except Exception as error:
        raise InputError("cut off or damaged") from error
    try:
        with np.errstate(all="ignore"):
            picture = _as_displayed(samples, dataset, bits)
    except Exception as error:
        raise InputError("a DICOM file whose display settings make no sense") from error
    return (1 - picture if photometric == "MONOCHROME1" else picture), bits


def _read(content: bytes) -> pydicom.Dataset:
    """The tags that describe the picture, and the picture, whatever else there is."""
    tags: list[BaseTag | int] = [Tag(name) for name in PIXEL_TAGS]
    if len(content) > MAX_HEADER_BYTES:
        head = io.BytesIO(content[:MAX_HEADER_BYTES])
        try:
            read_partial(head, lambda tag, *_: tag == PIXEL_DATA, specific_tags=tags)
            ended = head.tell() < MAX_HEADER_BYTES
        except Exception:  # cut off in the middle of a sequence
            ended = False
        if not ended:
            raise InputError("a DICOM file with more before its picture than a radiograph has")
    passed = False

    def after_pixels(tag: int, *_: object) -> bool:
        nonlocal passed
        stop, passed = passed, tag == PIXEL_DATA
        return stop

    return read_partial(io.BytesIO(content), after_pixels, specific_tags=tags)


def _as_displayed(samples: np.ndarray, dataset: pydicom.Dataset, bits: int) -> np.ndarray:
    """Samples as float32, 0 to 1, in the direction in which they are stored.

    Raises:
        ValueError: display settings that map everything to one value, or to none.
    """
    if samples.ndim == 3:
        grey = cv2.cvtColor(samples, cv2.COLOR_RGB2GRAY)
        return np.clip(grey.astype(np.float32) / (2**bits - 1), 0, 1)
    rescaled = apply_modality_lut(samples, dataset)
    shown = np.asarray(apply_voi_lut(rescaled, dataset), dtype=np.float32)
    low, high = (np.float32(limit) for limit in _displayed_range(dataset, bits))
    picture = np.clip((shown - low) / (high - low), 0, 1)
    if not np.isfinite(picture).all():
        raise ValueError("not a number")
    return picture


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
