"""``python -m boneage_lib.cli``."""

from boneage_lib.cli import main

main()
