"""Bone age networks of Monti and Tonazzo, as a reproducible paper."""
