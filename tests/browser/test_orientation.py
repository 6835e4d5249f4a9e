"""Letters at the edges of a slice, from the direction the edge leads to."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.browser.bench import MODULE

sys.path.append(str(MODULE))
pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")

from asap_viewer.scene import letters_of


@pytest.mark.parametrize(
    ("direction", "letters"),
    [((1, 0, 0), "R"), ((-1, 0, 0), "L"), ((0, 1, 0), "A"), ((0, 0, -1), "I"), ((-0.8, 0.6, 0), "LA"), ((0.1, 0.99, 0), "A")],
)
def test_letters_name_where_a_direction_leads(direction: tuple[float, float, float], letters: str) -> None:
    assert letters_of(np.array(direction)) == letters
