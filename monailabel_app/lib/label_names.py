"""How the values of a submitted label are called, as the clients that submit it say."""

from __future__ import annotations

from typing import Any

MAX_NAME_CHARS = 64


def label_names(info: dict[str, Any]) -> dict[int, str]:
    """Value -> name, as MONAI Label's Slicer module (label_info) or our own answers (label_names) say it; else 1 is "label"."""
    inner = info.get("params")
    params = inner if isinstance(inner, dict) else info
    table = params.get("label_names")
    if isinstance(table, dict):
        return {value: str(name)[:MAX_NAME_CHARS] for name, value in table.items() if isinstance(value, int) and value > 0}
    rows = params.get("label_info")
    if isinstance(rows, list) and rows and all(isinstance(row, dict) and isinstance(row.get("name"), str) for row in rows):
        return {number: row["name"][:MAX_NAME_CHARS] for number, row in enumerate(rows, start=1)}
    return {1: "label"}
