"""What the options of `asap segment` say about one lesion: points, lines and a box in RAS millimetres, from text."""

from __future__ import annotations

from typing import Any

from asap.commands.segment_options import SegmentCommand
from asap.errors import InputError
from asap.prompt import Point, Prompt, Stroke


def said_in(command: SegmentCommand) -> dict[str, Any]:
    """By the fields of `Prompt`; empty when nothing is said. InputError for what cannot be read or says only where it is not."""
    said: dict[str, Any] = {
        "include": tuple(point_of(text) for text in command.point),
        "exclude": tuple(point_of(text) for text in command.exclude),
        "include_strokes": tuple(stroke_of(text) for text in command.scribble),
        "exclude_strokes": tuple(stroke_of(text) for text in command.exclude_scribble),
        "box": None if command.box is None else box_of(command.box),
    }
    if not any(said.values()):
        return {}
    if command.sentence is None:
        Prompt(**said)  # says what is missing before the scan is encoded
    return said


def point_of(text: str) -> Point:
    """Three numbers of millimetres from text; InputError says how to write a point."""
    try:
        r, a, s = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError("A point is three RAS millimetres, written R,A,S; for instance --point=-84,31,112.") from error
    return r, a, s


def stroke_of(text: str) -> Stroke:
    """Points with blanks between them; InputError says how to write a line."""
    try:
        points = tuple(point_of(part) for part in text.split())
    except InputError:
        points = ()
    if not points:
        raise InputError('A line is points with blanks between them; for instance --scribble="-84,31,112 -80,35,112".')
    return points


def box_of(text: str) -> tuple[Point, Point]:
    """Two points in one; InputError says how to write a box."""
    try:
        r, a, s, u, v, w = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            "A box is two opposite corners, written R,A,S,R,A,S; for instance --box=-98,20,90,-60,55,130."
        ) from error
    if r == u or a == v or s == w:
        raise InputError("The two corners of a box differ in all three directions; this one is flat.")
    return (r, a, s), (u, v, w)
