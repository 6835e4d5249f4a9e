"""What the help shows: every key and every gesture, in the groups a reader thinks in."""

from __future__ import annotations

from typing import Any

Group = tuple[str, tuple[tuple[str, str], ...]]

GROUPS: tuple[Group, ...] = (
    (
        "Report",
        (
            ("J or \u2193", "next sentence"),
            ("K or \u2191", "previous sentence"),
            ("A", "accept; again: back to draft"),
            ("R", "reject; again: back to draft"),
            ("E", "edit; Ctrl+Enter saves, Esc leaves"),
            ("U", "take the last decision back"),
        ),
    ),
    (
        "Map and segment",
        (
            ("M", "map on or off"),
            ("S", "keep earlier sentences outlined"),
            ("C", "take every map away"),
            ("G", "segment of the region"),
            ("Ctrl+click", "sentences of that place; the region around it is measured, and G makes it a segment"),
        ),
    ),
    (
        "Lesions and segments",
        (
            ("X", "new lesion: the next click in a slice makes it"),
            ("Click", "that place belongs to the lesion; Shift+click: it does not"),
            ("W", "scribble: draw in a slice what belongs to it, with Shift what does not"),
            ("B", "box: drag a rectangle around it; as deep as its shorter side"),
            ("L", "lesion of the sentence, cut out of the image"),
            ("Z Y", "one step back, one forward again"),
            ("D", "the segment is right"),
            ("Save segments", ".seg.nrrd with names and codes, each whole; Save NIfTI: one label map"),
            ("Next case", "the study a server's strategy would have labelled; Submit labels sends the segments as they are"),
        ),
    ),
    (
        "Questions and answers to judge, while the answer has the focus",
        (
            ("A D U", "agree, disagree, unsure"),
            ("C", "wrong; write the right answer, Enter keeps it"),
            ("W", "where in the CT the answer is true; again: its next place"),
            ("N P", "next, previous answer; with Shift: case"),
            ("1 2", "this or the other answer is better"),
            ("Z", "take the last verdict back"),
        ),
    ),
    (
        "Views",
        (
            ("Wheel", "next or previous slice"),
            ("Drag", "window: sideways its width, up and down its centre; in 3D: turn"),
            ("1 2 3", "lung, mediastinum, bone"),
            ("Shift+move", "bring the other slices and the crosshair to the mouse"),
            ("Right drag", "zoom"),
            ("Middle drag", "move the image"),
            ("Double click", "enlarge a view, or all views again"),
            ("I", "brightest of 10 mm"),
            ("?", "this help"),
        ),
    ),
)


def help_rows() -> list[dict[str, Any]]:
    """The groups as the page wants them."""
    return [{"title": title, "rows": [list(row) for row in rows]} for title, rows in GROUPS]
