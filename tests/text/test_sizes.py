"""Sizes in millimetres."""

from __future__ import annotations

import pytest

from asap.text.sizes import find_sizes


@pytest.mark.parametrize(
    ("text", "expected_mm"),
    [
        ("a 12 mm nodule", [12]),
        ("a 12mm nodule", [12]),
        ("a 12-mm nodule", [12]),
        ("a 1.5 cm nodule", [15]),
        ("a 2,3 cm nodule", [23]),
        ("a 15x12 mm nodule", [15]),
        ("a 15 x 12 mm nodule", [15]),
        ("a 12 \u00d7 15 mm nodule", [15]),
        ("a 2.3 x 4 mm nodule", [4]),
        ("a 1.2 x 3.4 x 2 cm mass", [34]),
        ("12 mm x 18 mm", [18]),
        ("1 cm x 8 mm", [10]),
        ("nodules of 4-5 mm", [5]),
        ("nodules of 8 and 10 mm", [10]),
        ("two nodules, 4 mm and 1 cm", [10]),
        ("5 millimeters", [5]),
        ("3 centimetres", [30]),
        ("12 mm (previously 9 mm)", [12]),
        ("grown from 9 mm to 12 mm", [12]),
        ("prior size was 9 mm", []),
        ("slice thickness of 1.5 mm", []),
        ("tip 3 cm above the carina", []),
        ("in 3 months", []),
        ("T10", []),
        ("5000 mm", []),
        ("0 mm", []),
        ("version 1.2.3 mm", []),
    ],
)
def test_largest_extent(text: str, expected_mm: list[float]) -> None:
    assert [size.largest_mm for size in find_sizes(text)] == pytest.approx(expected_mm)
