"""What the terminal shows of a draft, an answer or labels."""

from __future__ import annotations

from typing import Any


def show_draft(document: dict[str, Any]) -> str:
    """Kept sentences organ by organ with their probability, then what was held back."""
    lines = []
    for row in document["sentences"]:
        if row["section"] == "findings":
            mark = "" if row["state"] == "supported" else f"  ({', '.join([row['state'], *row['flags']])})"
            lines.append(f"  {_share(row['probability'])} {row['organ']:14} {row['text']}{mark}")
    return "\n".join(lines)


def show_answer(document: dict[str, Any]) -> str:
    """The answer, its confidence, and the places it rests on."""
    lines = [f"{document['answer']}  (confidence {_share(document['confidence']).strip()})"]
    for row in document["evidence"]:
        peak = row["statement"]["peak_ras_mm"]
        place = "" if peak is None else f"  peak R {peak[0]:.0f} A {peak[1]:.0f} S {peak[2]:.0f} mm"
        size = "" if row["size_mm"] is None else f"  {row['size_mm']:.0f} mm"
        lines.append(f"  {_share(row['probability'])} {row['statement']['text']}{size}{place}")
    return "\n".join(lines)


def show_labels(document: dict[str, Any]) -> str:
    """One line per label."""
    return "\n".join(f"  {_share(row['probability'])} {row['name']}" for row in document["labels"])


def _share(probability: float | None) -> str:
    return "n/a " if probability is None else f"{probability:.2f}"
