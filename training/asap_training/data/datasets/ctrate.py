"""CT-RATE (Hamamci et al. 2024): its folders, its report table and its metadata table.

Names are `train_1_a_2.nii.gz`: published split, patient, scan, reconstruction. The first release stores numbers and spacings that
only the metadata table makes into HU and millimetres; the second release holds HU, and applying the table to it is a known trap
(github.com/ibrahimethemhamamci/CT-CLIP, issue 50): give the table for the first release only. `asap_training.data.image` refuses
what is not HU in the end.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from asap.errors import InputError
from asap_training.data.case import RawCase, Split, StoredValues
from asap_training.data.datasets.tables import number_of, rows_of

_NAME = re.compile(r"(?P<patient>(?P<split>train|valid)_\d+)_(?P<scan>[a-z]+)_\d+\.nii\.gz\Z")


def ctrate_cases(volumes: Path, reports: Path, metadata: Path | None = None, masks: Path | None = None) -> list[RawCase]:
    """The cases of a report table (VolumeName, Findings_EN, Impressions_EN), in its order.

    volumes: the folder that holds `train`, that folder itself, or one flat folder. metadata: see above. masks: a folder of
    label images laid out as the volumes are.
    Raises InputError for tables that are not CT-RATE's and for a report whose volume the metadata table lacks.
    """
    rows = rows_of(reports, ("volumename", "findings_en", "impressions_en"), "table of reports")
    stored = None if metadata is None else _stored(metadata)
    for number, row in enumerate(rows, start=1):
        if stored is not None and row["volumename"].strip() not in stored:
            raise InputError(f"Report {number} of the table has no row in the metadata table; leave it out or complete that.")
    return [_case(row, volumes, stored, masks) for row in rows]


def _case(row: dict[str, str], volumes: Path, stored: dict[str, StoredValues] | None, masks: Path | None) -> RawCase:
    name = row["volumename"].strip()
    parts = _NAME.match(name)
    if parts is None:
        raise InputError("The table of reports has a name that is not of CT-RATE's form train_1_a_1.nii.gz.")
    split: Split = "train" if parts["split"] == "train" else "valid"
    return RawCase(
        name=name,
        volume=_located(volumes, name, parts),
        findings=row["findings_en"],
        impression=row["impressions_en"],
        patient=parts["patient"],
        split=split,
        mask=None if masks is None else _located(masks, name, parts),
        stored=None if stored is None else stored[name],
    )


def _located(folder: Path, name: str, parts: re.Match[str]) -> Path:
    """Where the file is, or would be by the first release's layout."""
    patient, scan = parts["patient"], parts["scan"]
    inner = [Path(patient, f"{patient}_{scan}", name), Path(patient, f"{patient}{scan}", name)]
    places = [*(folder / parts["split"] / path for path in inner), *(folder / path for path in inner), folder / name]
    return next((place for place in places if place.exists()), places[0])


def _stored(metadata: Path) -> dict[str, StoredValues]:
    required = ("volumename", "rescaleslope", "rescaleintercept", "xyspacing", "zspacing")
    return {row["volumename"].strip(): _values(row) for row in rows_of(metadata, required, "metadata table")}


def _values(row: dict[str, str]) -> StoredValues:
    try:
        in_plane = [float(number) for number in json.loads(row["xyspacing"])]
    except (ValueError, TypeError) as error:
        raise InputError("The column XYSpacing holds something that is not a pair of numbers.") from error
    if len(in_plane) != 2:
        raise InputError("The column XYSpacing holds something that is not a pair of numbers.")
    slope = number_of(row["rescaleslope"], "RescaleSlope")
    if slope <= 0:
        raise InputError("The column RescaleSlope holds a number that is not positive.")
    spacing_mm = (in_plane[0], in_plane[1], number_of(row["zspacing"], "ZSpacing"))
    return StoredValues(slope, number_of(row["rescaleintercept"], "RescaleIntercept"), spacing_mm)
