"""The module's folder on the path, as 3D Slicer puts it there; rendering without a screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.append(str(Path(__file__).parents[2] / "AsapSlicerModule"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Any]:
    """A reader at the module, with the scripted server; `tests.slicer.desk.Desk`."""
    pytest.importorskip("PySide6", reason="needs PySide6-Essentials")
    from tests.slicer.desk import open_desk

    with open_desk(tmp_path) as desk:
        yield desk
