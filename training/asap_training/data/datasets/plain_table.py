"""A plain table of one's own: volume, findings, impression, and where there are any: mask, regions, patient, split.

Paths are relative to the table's folder. Without a patient column every volume counts as a patient of its own; without a split,
patients are divided by a digest of their name.
"""

from __future__ import annotations

from pathlib import Path

from asap.errors import InputError
from asap_training.data.case import SPLITS, RawCase, Split
from asap_training.data.datasets.tables import rows_of
from asap_training.data.splits import split_of


def plain_cases(table: Path, valid_share: float) -> list[RawCase]:
    """The cases of a table, in its order. Raises InputError for a table that is not one."""
    rows = rows_of(table, ("volume", "findings", "impression"), "table of cases")
    return [_case(row, table.parent, valid_share) for row in rows]


def _case(row: dict[str, str], folder: Path, valid_share: float) -> RawCase:
    name = _named(row["volume"], folder)
    if not name:
        raise InputError("The table of cases has a row without a volume.")
    patient = row.get("patient", "").strip() or name
    mask, regions = (_named(row.get(column, ""), folder) for column in ("mask", "regions"))
    return RawCase(
        name=name,
        volume=folder / name,
        findings=row["findings"],
        impression=row["impression"],
        patient=patient,
        split=_split(row.get("split", "").strip().lower()) or split_of(patient, valid_share),
        mask=folder / mask if mask else None,
        regions=folder / regions if regions else None,
    )


def _named(text: str, folder: Path) -> str:
    """A file's name as it is written where there is such a file, without the blanks around it where there is none."""
    return text if text.strip() and (folder / text).exists() else text.strip()


def _split(text: str) -> Split | None:
    if not text:
        return None
    for split in SPLITS:
        if text == split:
            return split
    raise InputError(f"The column split holds something that is none of {', '.join(SPLITS)}.")
