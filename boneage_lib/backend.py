"""Load Keras without the greeting that its backend's C++ code writes to the terminal.

TensorFlow announces its processor options with process number and time before any log level is
read. In a notebook that text would be output that differs at every execution.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Send what C++ code writes to file descriptor 2 nowhere; Python's own errors still raise."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _without_stderr():
    import keras

# Many small models, one after another, are what a study is; TensorFlow takes them for a mistake.
# Set after the import, which sets a level of its own.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

__all__ = ["keras"]
