"""Segmentation data sets described by one JSON file, as the Medical Segmentation Decathlon does (Antonelli et al. 2022).

{"labels": {"0": "background", "1": "tumour"}, "training": [{"image": ..., "label": ...}], "validation": [...],
"testing" or "test": [...], "unlabeled": [{"image": ...} or a path]}. Paths are relative to the file's own folder, or to one that
the caller names, and stay inside it; an absolute path does where it leads there. Test cases with a label are only scored on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asap.errors import InputError

MAX_JSON_BYTES = 16 * 2**20
_BAD = "The list of cases is not a decathlon-style JSON file"


@dataclass(frozen=True)
class ImageWithLabel:
    """One case. label: None where nobody drew one. numbers: what the label's values mean, where not what they say."""

    image: Path
    label: Path | None
    numbers: Mapping[int, int] | None = None


@dataclass(frozen=True)
class Decathlon:
    """labels: names from 1 on. validation: drawn by the caller from the training cases where the file gives none.

    training is empty only where there are testing cases, all of which have labels.
    """

    labels: tuple[str, ...]
    training: tuple[ImageWithLabel, ...]
    validation: tuple[ImageWithLabel, ...]
    unlabelled: tuple[ImageWithLabel, ...]
    testing: tuple[ImageWithLabel, ...] = ()


def read_decathlon(path: Path, root: Path | None = None) -> Decathlon:
    """Read one. root: the folder of the images, by default the file's own.

    Raises InputError with what is wrong; names and paths are not repeated.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise InputError(f"{_BAD}: it is too large.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{_BAD}: it cannot be read.") from error
    if not isinstance(data, dict):
        raise InputError(f"{_BAD}: it holds no table.")
    held = (path.parent if root is None else root).resolve()
    tests = [*_list(data, "testing"), *_list(data, "test")]
    labelled = [row for row in tests if isinstance(row, dict) and "label" in row]
    bare = [*_list(data, "unlabeled"), *_list(data, "unlabelled"), *(row for row in tests if row not in labelled)]
    if not _list(data, "training") and not labelled:
        raise InputError(f"{_BAD}: it has no list called training, nor one called testing with labels.")
    return Decathlon(
        labels=_labels(data.get("labels")),
        training=tuple(_case(row, held, labelled=True) for row in _list(data, "training")),
        validation=tuple(_case(row, held, labelled=True) for row in _list(data, "validation")),
        unlabelled=tuple(_case(row, held, labelled=False) for row in bare),
        testing=tuple(_case(row, held, labelled=True) for row in labelled),
    )


def _list(data: dict[str, Any], name: str) -> list[Any]:
    rows = data.get(name, [])
    if not isinstance(rows, list):
        raise InputError(f"{_BAD}: {name} is not a list.")
    return rows


def _labels(table: Any) -> tuple[str, ...]:
    """Names by their number, from 1, without holes. Some files write name -> number instead."""
    if not isinstance(table, dict):
        raise InputError(f"{_BAD}: it has no table called labels.")
    pairs = {int(v) if isinstance(v, int) else str(v): str(k) for k, v in table.items() if isinstance(v, int)}
    numbered = {int(k): str(v) for k, v in table.items() if str(k).isdigit()} or {int(k): v for k, v in pairs.items()}
    names = [numbered.get(n, "") for n in range(1, max(numbered, default=0) + 1)]
    if not names or not all(names):
        raise InputError(f"{_BAD}: its labels are not numbered from 1 on.")
    return tuple(names)


def _case(row: Any, root: Path, *, labelled: bool) -> ImageWithLabel:
    image = row if isinstance(row, str) else row.get("image") if isinstance(row, dict) else None
    label = row.get("label") if labelled and isinstance(row, dict) else None
    if not isinstance(image, str) or (labelled and not isinstance(label, str)):
        raise InputError(f"{_BAD}: a case names no image or no label.")
    return ImageWithLabel(_inside(root, image), _inside(root, label) if isinstance(label, str) else None)


def _inside(root: Path, name: str) -> Path:
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise InputError(f"{_BAD}: a path leads out of its folder; put the images beside it, or name theirs with --root.")
    return path
