"""Bone age networks of Monti and Tonazzo, as a reproducible paper."""

import sys

# OpenVINO tells Google Analytics of every import and conversion unless its user has opted out.
# Where this package cannot be imported it puts a stand-in in its place, which tells nobody.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
