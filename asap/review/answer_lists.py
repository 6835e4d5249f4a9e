"""Answers of any model: a CSV or JSON file with case, question, answer and model, read whole or refused in one sentence."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ReviewError

COLUMNS = ("case", "question", "answer", "model")
MAX_FILE_BYTES = 64 * 2**20
MAX_ROWS = 20_000
MAX_CHARS = {"case": 256, "question": 1_000, "answer": 8_000, "model": 128}


@dataclass(frozen=True)
class ListedAnswer:
    """One row: which CT, what was asked, what the model said, and which model."""

    case: str
    question: str
    answer: str
    model: str


def read_answers(path: Path) -> tuple[ListedAnswer, ...]:
    """The rows of a .csv file with a header, or of a .json list of objects. ReviewError says which row cannot be used and why."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ReviewError(f"The list is larger than {MAX_FILE_BYTES // 2**20} MiB; split it.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ReviewError("The list of answers cannot be read.") from error
    except UnicodeDecodeError as error:
        raise ReviewError("The list of answers is not UTF-8 text; save it again as UTF-8.") from error
    if path.suffix.lower() == ".json":
        return _checked(_json_rows(text))
    if path.suffix.lower() == ".csv":
        return _checked(_csv_rows(text))
    raise ReviewError("A list of answers is a .csv or a .json file.")


def _csv_rows(text: str) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        _need_columns(reader.fieldnames or ())
        rows = list(reader)
    except csv.Error as error:
        raise ReviewError("The CSV file is damaged, such as by a quotation mark that is never closed.") from error
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise ReviewError(f"Row {number} has more fields than the header; put texts with commas in quotation marks.")
    return rows


def _json_rows(text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReviewError("The JSON file is damaged.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ReviewError("A JSON list of answers is a list of objects with case, question, answer and model.")
    if rows:
        _need_columns(rows[0])
    return rows


def _need_columns(names: Any) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ReviewError(f"The list has no {' and no '.join(missing)}; it needs case, question, answer and model.")


def _checked(rows: list[dict[str, Any]]) -> tuple[ListedAnswer, ...]:
    if not rows:
        raise ReviewError("The list holds no answers.")
    if len(rows) > MAX_ROWS:
        raise ReviewError(f"The list holds more than {MAX_ROWS:,} answers; split it.")
    seen: dict[tuple[str, str, str], int] = {}
    listed = []
    for number, row in enumerate(rows, start=1):
        answer = ListedAnswer(**{name: _text(row.get(name), name, number) for name in COLUMNS})
        key = (answer.case, answer.question, answer.model)
        if key in seen:
            raise ReviewError(f"Rows {seen[key]} and {number} are two answers of one model to one question about one case.")
        seen[key] = number
        listed.append(answer)
    return tuple(listed)


def _text(value: Any, name: str, number: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ReviewError(f"Row {number} has no {name}.")
    text = " ".join(value.split())
    if len(text) > MAX_CHARS[name]:
        raise ReviewError(f"The {name} of row {number} is longer than {MAX_CHARS[name]:,} characters.")
    if any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in text):
        raise ReviewError(f"The {name} of row {number} holds characters that are no text.")
    return text
