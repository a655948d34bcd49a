"""Pictures as people have them: PNG, DICOM, JPEG and TIFF in any mode."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from boneage_lib.data.pictures import read_picture
from boneage_lib.errors import InputError

RAMP = np.tile(np.linspace(0, 255, 64).astype("uint8"), (48, 1))


def as_file(picture: np.ndarray | Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    own = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    own.save(buffer, form, **options)
    return buffer.getvalue()


EXPECTED = cv2.resize(RAMP, (32, 32), interpolation=cv2.INTER_AREA).astype(int)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_is_read_in_any_mode(mode: str) -> None:
    content = as_file(Image.fromarray(RAMP).convert(mode), "JPEG", quality=95)
    image, original = read_picture(content, 32)
    assert image.shape == (32, 32) and image.dtype == np.uint8
    assert np.abs(image - EXPECTED).max() <= 3
    assert (original.width, original.height, original.mode) == (64, 48, f"JPEG {mode}")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_a_tiff_is_read_in_any_mode(mode: str, compression: str) -> None:
    content = as_file(Image.fromarray(RAMP).convert(mode), "TIFF", compression=compression)
    assert np.abs(read_picture(content, 32)[0] - EXPECTED).max() <= 2


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_a_tiff_of_16_bits_is_scaled_from_its_full_range(order: str) -> None:
    wide = (RAMP.astype("uint32") * 257).astype(order)
    image, original = read_picture(as_file(wide.astype("uint16"), "TIFF"), 32)
    assert np.abs(image - EXPECTED).max() <= 1
    assert original.bits == 16


def test_a_bilevel_tiff_is_black_and_white() -> None:
    image, _ = read_picture(as_file(Image.fromarray(RAMP).convert("1"), "TIFF"), 16)
    assert image[:, 0].max() < 64 and image[:, -1].min() > 192


def test_a_photograph_that_was_turned_by_its_camera_is_turned_back() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = as_file(RAMP, "JPEG", quality=95, exif=exif)
    assert np.abs(read_picture(turned, 32)[0] - EXPECTED[::-1, ::-1]).max() <= 3


def test_other_files_are_read_as_in_a_cohort() -> None:
    image, original = read_picture(as_file(RAMP, "PNG"), 32)
    np.testing.assert_array_equal(image, EXPECTED)
    assert original.mode == "grey"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(200), "none of PNG, DICOM, JPEG and TIFF"),
        (as_file(RAMP, "JPEG")[:300], "cut off or damaged"),
        (as_file(RAMP, "TIFF")[:300], "cut off or damaged"),
        (b"\xff\xd8\xff" + bytes(100), "cut off or damaged"),
        (b"II*\x00" + bytes(100), "cut off or damaged"),
        (as_file(RAMP.astype("float32"), "TIFF"), "fractional"),
        (as_file(RAMP.astype("int32") - 5, "TIFF"), "samples outside"),
        (as_file(Image.new("1", (8_000, 8_000)), "TIFF", compression="group4"), "too large"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_picture(content, 32)
