"""Sizes that a compressed picture itself tells, compared with its DICOM file before it is unpacked.

Decoders make room for what the compressed stream says, which a crafted file may make a thousand
times larger than the rows and columns that its DICOM tags tell.
"""

from __future__ import annotations

import struct

from pydicom.uid import (
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from boneage_lib.errors import InputError

_START = b"\xff\xd8"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
#: Second bytes of JPEG's markers for a frame's header: all from C0 to CF but three; F7 is JPEG-LS'.
_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA
#: Second bytes of markers that no length follows.
_BARE = {0x01, *range(0xD0, 0xD9)}
#: Bytes that a run-length encoded segment may hold beyond its pixels, for an even length.
_PADDING = 128


def check_frame(frame: bytes, syntax: str, width: int, height: int, samples: int) -> None:
    """Refuse a compressed frame that is not as large as its DICOM file says.

    Args:
        frame: the compressed bytes.
        syntax: UID of the transfer syntax; of those that are not known here nothing is checked, as
            no decoder is known for them either.
        width: columns.
        height: rows.
        samples: of each pixel.

    Raises:
        InputError: another size, or a stream that does not tell its size.
    """
    if syntax in (*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes):
        agrees = _jpeg_sizes(frame) == {(width, height, samples)}
    elif syntax in JPEG2000TransferSyntaxes:
        agrees = _jpeg_2000_size(frame) == (width, height, samples)
    elif syntax == RLELossless:
        agrees = _run_lengths_fit(frame, width * height)
    else:
        return
    if not agrees:
        raise InputError("a DICOM file whose compressed picture has another size than it says")


def _jpeg_sizes(frame: bytes) -> set[tuple[int, int, int]]:
    """(width, height, samples) of every frame header up to the first scan."""
    found = set()
    at = 2 if frame.startswith(_START) else len(frame)
    while at + 4 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # fills up
            at += 1
            continue
        if marker == _SCAN:
            break
        if marker in _BARE:
            at += 2
            continue
        if marker in _FRAME_HEADERS and at + 10 <= len(frame):
            height, width, samples = struct.unpack_from(">HHB", frame, at + 5)
            found.add((width, height, samples))
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return found


def _jpeg_2000_size(frame: bytes) -> tuple[int, int, int] | None:
    if not frame.startswith(_JPEG_2000_START) or len(frame) < 42:
        return None
    right, bottom, left, top = struct.unpack_from(">4L", frame, 8)
    (samples,) = struct.unpack_from(">H", frame, 40)
    return right - left, bottom - top, samples


def _run_lengths_fit(frame: bytes, pixels: int) -> bool:
    """True when no segment unpacks to more than one byte a pixel (DICOM PS3.5, annex G)."""
    if len(frame) < 64:
        return False
    number, *offsets = struct.unpack_from("<16L", frame)
    if not 1 <= number <= 15:
        return False
    ends = [*offsets[1:number], len(frame)]
    for start, end in zip(offsets[:number], ends, strict=True):
        at, unpacked, last = start, 0, min(end, len(frame))
        while at < last and unpacked <= pixels + _PADDING:
            header = frame[at]
            if header < 128:  # so many bytes and one more follow
                unpacked += header + 1
                at += header + 2
            elif header > 128:  # one byte follows, to be repeated
                unpacked += 257 - header
                at += 2
            else:
                at += 1
        if unpacked > pixels + _PADDING:
            return False
    return True
