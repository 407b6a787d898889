"""Paths for tests in any folder."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""

SHARED_DATA = ROOT.parent / "shared" / "data"
"""Real data; it may be missing."""
