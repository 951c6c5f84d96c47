"""Imported for its effect: what is in ``tools/`` (the recipes of the shipped checkpoints) can be imported afterwards."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tools"))
