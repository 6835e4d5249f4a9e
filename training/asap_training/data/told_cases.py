"""Cases with something told about them, for fine-tuning: a report, or questions with their answers, in the published layouts.

CTRG: one JSON with "train" and "val" lists of id, report, result. CT-RATE: a CSV of volume name, findings, impression.
RadGenome-ChestCT: one CSV a question type. Only text is read here; volumes are encoded by `told_cells`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asap.errors import InputError
from asap.inference.writers import REPORT_PROMPT
from asap.questions import QuestionKind

UNREADABLE = "The file does not have the layout that was named; look at its columns."


@dataclass(frozen=True)
class Told:
    """One text about one volume. prompt: what was asked; kind: of a question, None for a report."""

    volume: str
    prompt: str
    answer: str
    kind: QuestionKind | None = None


def ctrg_reports(path: Path, split: str = "train") -> list[Told]:
    """Reports of a CTRG list: findings, then impression. Raises InputError for another layout."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))[split]
        return [Told(row["id"], REPORT_PROMPT, _report(row["report"], row.get("result", ""))) for row in rows]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(UNREADABLE) from error


def ctrate_reports(path: Path) -> list[Told]:
    """Reports of a CT-RATE table. Raises InputError for another layout."""
    rows = _rows(path, ("VolumeName", "Findings_EN", "Impressions_EN"))
    return [Told(row["VolumeName"], REPORT_PROMPT, _report(row["Findings_EN"], row["Impressions_EN"])) for row in rows]


def radgenome_questions(folder: Path) -> list[Told]:
    """Questions of all five types in a folder of RadGenome-ChestCT tables, those that are there."""
    return [told for table in folder.glob("train_*.csv") for told in _of_table(table)]


def _of_table(path: Path) -> Iterator[Told]:
    name = path.stem.removeprefix("train_").removeprefix("vqa_")
    if name == "abnormality":
        for row in _rows(path, ("Volumename", "Anatomy", "Abnormality")):
            yield _told(row, f"What abnormalities are present in the {_region(row)}?", row["Abnormality"], "abnormality")
    elif name == "presence":
        for row in _rows(path, ("Volumename", "Anatomy", "Finding", "Presence")):
            yield _told(row, f"Is there {row['Finding']} in the {_region(row)}?", row["Presence"], "presence")
    elif name == "location":
        for row in _rows(path, ("Volumename", "Anatomy", "Abnormality")):
            yield _told(row, f"Where is the {row['Abnormality']} located?", row["Anatomy"], "location")
    elif name == "size":
        for row in _rows(path, ("Volumename", "Anatomy", "Abnormality", "Size")):
            yield _told(row, f"What is the size of the {row['Abnormality']} in the {_region(row)}?", row["Size"], "size")
    elif name == "case_disorders":
        for row in _rows(path, ("Volumename", "Disorders")):
            yield _told(row, "What abnormalities are present in the scan?", row["Disorders"], "disorder")


def _told(row: dict[str, str], prompt: str, answer: str, kind: QuestionKind) -> Told:
    return Told(row["Volumename"], prompt, answer or "No findings.", kind)


def _region(row: dict[str, str]) -> str:
    return row["Anatomy"].rsplit("/", 1)[-1] or "scan"


def _report(findings: str, impression: str) -> str:
    told = f"FINDINGS: {findings.strip()}"
    return f"{told} IMPRESSION: {impression.strip()}" if impression.strip() else told


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if not set(columns) <= set(reader.fieldnames or ()):
                raise InputError(UNREADABLE)
            return [{key: value or "" for key, value in row.items() if key is not None} for row in reader]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(UNREADABLE) from error
