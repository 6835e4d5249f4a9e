"""Comma-separated tables, read by column names, without pandas."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from asap.errors import InputError

MAX_CELL_CHARS = 2**20


def rows_of(path: Path, required: Sequence[str], what: str) -> list[dict[str, str]]:
    """The rows by lower-case column name. InputError where the table cannot be read or lacks a required column.

    what: how the sentence names the table. A cell that a short row leaves out is empty.
    """
    csv.field_size_limit(MAX_CELL_CHARS)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", restkey="")
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            missing = [name for name in required if name not in columns]
            if missing:
                raise InputError(f"The {what} has no column {' and none '.join(missing)}; its first row names the columns.")
            return [{k.strip().lower(): v for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The {what} cannot be read as a comma-separated table in UTF-8.") from error


def number_of(text: str, what: str) -> float:
    """A number of a cell. InputError names the column, not the value."""
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"The column {what} holds something that is not a number.") from error
