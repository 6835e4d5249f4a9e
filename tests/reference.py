"""Where tests find the real material: the folder ASAP_REFERENCE_DATA names. Absent, such a test skips and says what it missed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def reference_data(relative: str) -> Path:
    """Path of one real file, or skip the calling test by name."""
    root = os.environ.get("ASAP_REFERENCE_DATA", "")
    path = Path(root) / relative if root else None
    if path is None or not path.exists():
        pytest.skip(f"needs the reference file {relative} (set ASAP_REFERENCE_DATA)")
    return path
