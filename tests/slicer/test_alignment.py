"""Heat is drawn where it belongs, in every geometry a reader can load: measured through Slicer's own reslice."""

from __future__ import annotations

import pytest

from tests.benchmarks.slicer_alignment import LIMIT_MM, Geometry, alignment_mm, geometries


@pytest.mark.slow
@pytest.mark.parametrize("geometry", geometries(), ids=lambda geometry: geometry.name)
def test_drawn_heat_lies_on_its_place(geometry: Geometry) -> None:
    assert alignment_mm(geometry) <= LIMIT_MM
