"""Sizes stated in a sentence, in millimetres."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"\d{1,4}(?:[.,]\d{1,2})?"
_UNIT = r"(?P<unit>mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?)\b"
_INNER_UNIT = r"(?:\s?(?:mm|cm))?"
# "12 mm", "2,3 cm", "15x12 mm", "2.3 x 4 x 5 mm", "12 mm x 8 mm", "4-5 mm", "8 and 10 mm"
_SIZE = re.compile(
    rf"(?<![\w.,])(?P<numbers>{_NUMBER}(?:{_INNER_UNIT}\s?(?:[x\u00d7*\u2013-]|to|and|by|,)\s?{_NUMBER}){{0,5}})\s?-?{_UNIT}",
    re.I,
)
_ONE_EXTENT = re.compile(rf"({_NUMBER})\s?(mm|cm)?", re.I)
# A former size ("previously 12 mm"), a slice thickness and a distance ("3 cm above the carina") are not sizes of a finding.
_FORMER = re.compile(
    r"(?:previous(?:ly)?|prior|former(?:ly)?|earlier|initial(?:ly)?|was|slice|section|collimation|interval)\W+(?:\w+\W+){0,3}$",
    re.I,
)
_FROM = re.compile(r"\bfrom\W+(?:\w+\W+){0,2}$", re.I)
_DISTANCE = re.compile(
    r"\W{0,3}(?:above|below|beyond|away|from|distal|proximal|cranial|caudal|inferior to|superior to|slice)\b", re.I
)
_LARGEST_MM = 600.0


@dataclass(frozen=True)
class Size:
    """The largest extent stated at text[start:end]."""

    largest_mm: float
    start: int
    end: int


def find_sizes(text: str) -> tuple[Size, ...]:
    """Sizes in reading order; former sizes, distances, slice thicknesses and impossible values are left out."""
    sizes: list[Size] = []
    for match in _SIZE.finditer(text):
        before = max(0, match.start() - 40)
        if _FORMER.search(text, before, match.start()) or _DISTANCE.match(text, match.end()):
            continue
        extents = [
            float(number.replace(",", ".")) * (10.0 if (unit or match["unit"]).lower().startswith("c") else 1.0)
            for number, unit in _ONE_EXTENT.findall(match["numbers"])
        ]
        if _FROM.search(text, before, match.start()):
            extents = extents[1:]  # "from 12 mm to 8 mm" is 8 mm now; "from 12 mm" alone says nothing of today
        if extents and 0.0 < max(extents) <= _LARGEST_MM:
            sizes.append(Size(max(extents), match.start(), match.end()))
    return tuple(sizes)
