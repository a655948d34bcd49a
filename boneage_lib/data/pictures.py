"""Single radiographs as people have them: PNG, DICOM, JPEG or TIFF."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from boneage_lib.data.decoding import MAX_PIXELS, decode, squared
from boneage_lib.data.journal import Original
from boneage_lib.errors import InputError

JPEG = b"\xff\xd8\xff"
TIFF = (b"II*\x00", b"MM\x00*")
#: Endings of files that `read_picture` can read.
SUFFIXES = (".png", ".dcm", ".dicom", ".jpg", ".jpeg", ".tif", ".tiff")


def read_picture(content: bytes, size: int) -> tuple[np.ndarray, Original]:
    """A picture file as a grey uint8 array (size, size), aspect ratio squashed.

    Args:
        content: of the file; what it is, it says itself. Of a TIFF with several pages the first.
        size: side of the answer, pixels.

    Returns:
        The array, and what the file was.

    Raises:
        InputError: none of PNG, DICOM, JPEG and TIFF, damaged, too large, or of another kind of
            samples than whole numbers of up to 16 bits.
    """
    if content.startswith(JPEG):
        return _with_pillow(content, size, "JPEG")
    if content.startswith(TIFF):
        return _with_pillow(content, size, "TIFF")
    try:
        return decode(content, size)
    except InputError as error:
        if "neither" in str(error):
            raise InputError("none of PNG, DICOM, JPEG and TIFF") from None
        raise


def _with_pillow(content: bytes, size: int, form: str) -> tuple[np.ndarray, Original]:
    try:
        with Image.open(io.BytesIO(content), formats=(form,)) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise InputError(f"too large ({width} × {height}; at most {MAX_PIXELS:,} pixels)")
            mode = opened.mode
            samples = _samples(ImageOps.exif_transpose(opened), mode)
    except InputError:
        raise
    except Exception as error:  # parsers of damaged files raise whatever they meet
        raise InputError("cut off or damaged") from error
    bits = 16 if samples.dtype == np.uint16 else 8
    return squared(samples, size), Original(width, height, bits, f"{form} {mode}")


def _samples(picture: Image.Image, mode: str) -> np.ndarray:
    """Grey samples, uint8 or uint16 (height, width)."""
    if mode == "F":
        raise InputError("of fractional samples; expected whole numbers of up to 16 bits")
    if mode.startswith("I"):
        samples = np.asarray(picture)
        if samples.min() < 0 or samples.max() > 65535:
            raise InputError("of samples outside 0 to 65,535; expected up to 16 bits")
        return samples.astype(np.uint16)
    return np.asarray(picture.convert("L"))
