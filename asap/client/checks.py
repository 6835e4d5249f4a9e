"""Reading values that came from the other side: every field is checked before it is used."""

from __future__ import annotations

import json
import math
from typing import Any

from .errors import ProtocolError

Affine = tuple[tuple[float, ...], ...]
Triple = tuple[int, int, int]
Point = tuple[float, float, float]

MAX_TEXT_CHARS = 1_000_000
LARGEST_NUMBER = 1e9


def parse_json(body: bytes) -> Any:
    """JSON of the other side. Raises ProtocolError for anything else, NaN and too deep nesting included."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The answer is not valid JSON.") from error


def _no_constant(_name: str) -> None:
    raise ValueError("JSON has no NaN and no Infinity")


def mapping(value: Any, what: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise ProtocolError(f"The field {what} is not an object.")
    return value


def items(value: Any, what: str, *, at_most: int) -> list[Any]:
    """A JSON list of at most `at_most` elements."""
    if not isinstance(value, list) or len(value) > at_most:
        raise ProtocolError(f"The field {what} is not a list of at most {at_most} elements.")
    return value


def text(value: Any, what: str, *, at_most: int = MAX_TEXT_CHARS) -> str:
    """A string that can be shown and written: no lone surrogates, at most `at_most` characters."""
    if not isinstance(value, str) or len(value) > at_most or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ProtocolError(f"The field {what} is not a text of at most {at_most} characters.")
    return value


def optional_text(value: Any, what: str) -> str | None:
    """A string or null."""
    return None if value is None else text(value, what)


def hex_id(value: Any, what: str, *, digits: int = 32) -> str:
    """A lower-case hexadecimal identifier of exactly `digits` digits: it becomes part of request paths."""
    if not isinstance(value, str) or len(value) != digits or not set(value) <= set("0123456789abcdef"):
        raise ProtocolError(f"The field {what} is not an identifier of {digits} hexadecimal digits.")
    return value


def flag(value: Any, what: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ProtocolError(f"The field {what} is not true or false.")
    return value


def whole(value: Any, what: str, *, least: int = 0, most: int = 2**53) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ProtocolError(f"The field {what} is not a whole number from {least} to {most}.")
    return value


def number(value: Any, what: str, *, least: float = -LARGEST_NUMBER, most: float = LARGEST_NUMBER) -> float:
    """A finite number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ProtocolError(f"The field {what} is not a number from {least:g} to {most:g}.")
    return float(value)


def optional_number(value: Any, what: str, *, least: float = -LARGEST_NUMBER, most: float = LARGEST_NUMBER) -> float | None:
    """A finite number or null."""
    return None if value is None else number(value, what, least=least, most=most)


def triple(value: Any, what: str, *, least: int, most: int) -> Triple:
    """Three whole numbers."""
    a, b, c = (whole(n, what, least=least, most=most) for n in _exactly(value, what, 3))
    return a, b, c


def point(value: Any, what: str) -> Point:
    """Three finite numbers, in millimetres."""
    r, a, s = (number(x, what) for x in _exactly(value, what, 3))
    return r, a, s


def affine(value: Any, what: str) -> Affine:
    """Four rows of four finite numbers, the last 0 0 0 1, whose upper left part can be inverted."""
    rows = tuple(tuple(number(x, what) for x in _exactly(row, what, 4)) for row in _exactly(value, what, 4))
    if rows[3] != (0.0, 0.0, 0.0, 1.0) or not math.isfinite(determinant := _determinant(rows)) or abs(determinant) < 1e-12:
        raise ProtocolError(f"The field {what} is not an affine matrix that can be inverted.")
    return rows


def _exactly(value: Any, what: str, count: int) -> list[Any]:
    if not isinstance(value, list | tuple) or len(value) != count:
        raise ProtocolError(f"The field {what} is not a list of {count} elements.")
    return list(value)


def _determinant(rows: Affine) -> float:
    (a, b, c, _), (d, e, f, _), (g, h, i, _) = rows[:3]
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
