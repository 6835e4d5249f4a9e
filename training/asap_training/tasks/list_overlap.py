"""What the published benchmark's lists share between their splits, by task: volumes, and patients where the list tells them.

asap-train list-overlap --lists DIR        DIR: the folder that holds Classification, Prognosis, Segmentation, Report_generation
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asap.errors import InputError
from asap_training.arguments import ended_in_one_sentence

HEADER = (
    *("task", "train", "validation", "test", "volumes: train and test", "train and validation", "validation and test"),
    *("patients: train and test", "train and validation", "validation and test"),
)
# The name of a list's split in a JSON file, where the published loaders read it.
KEYS = {"train": ("training", "train"), "validation": ("validation", "val"), "test": ("testing", "val")}


@dataclass(frozen=True)
class Lists:
    """Where a task's lists lie, and the part of a volume's name that names its patient ("" where no part does)."""

    path: str
    patient: str = ""


TASKS: dict[str, Lists] = {
    "CT-RATE, 18 findings": Lists("Classification/datasets/CT-Rate", r"(train|valid)_\d+"),
    "STOIC, COVID": Lists("Classification/datasets/Stoic", r".+"),
    "Rad-ChestCT, 16 findings": Lists("Classification/datasets/RadChestCT"),
    "LUNA16, nodule": Lists("Classification/datasets/LUNA16"),
    "INSPECT, embolism": Lists("Classification/datasets/INSPECT"),
    "CC-CCII, 3 classes": Lists("Classification/datasets/CC-CCII"),
    "INSPECT, mortality": Lists("Prognosis/datasets/INSPECT"),
    "STOIC, severity": Lists("Prognosis/datasets/Stoic", r".+"),
    "LUNA16, lungs and trachea": Lists("Segmentation/datasets/LUNA16/dataset_100.json"),
    "MSD, lung tumour": Lists("Segmentation/datasets/MSD/MSD_Task06_Lung_100.json"),
    "COVID-19-20, infection": Lists("Segmentation/datasets/COVID-19-20/dataset_100.json"),
    "SegTHOR, 4 organs": Lists("Segmentation/datasets/SegThor/dataset.json", r"Patient_\d+"),
    "FUMPE, embolism": Lists("Segmentation/datasets/FUMPE/dataset.json", r"PAT\d+"),
    "BTCV, 13 organs": Lists("Segmentation/datasets/BTCV/dataset.json"),
    "ACDC, heart": Lists("Segmentation/datasets/ACDC/dataset.json", r"patient\d+"),
    "CTRG, reports": Lists("Report_generation/datasets/ctrg_train_val.json"),
}


def volumes(lists: Path, split: str) -> frozenset[str]:
    """The names of a split's volumes. InputError where the list is not there or is not one."""
    try:
        if lists.suffix != ".json":
            with (lists / f"{split.replace('validation', 'val')}_list.csv").open(newline="", encoding="utf-8-sig") as file:
                return frozenset(row[0] for row in list(csv.reader(file))[1:] if row)
        data = json.loads(lists.read_text(encoding="utf-8"))
        entries = next(data[key] for key in KEYS[split] if key in data)
        return frozenset(Path(entry.get("image") or entry["id"]).name for entry in entries)
    except (OSError, ValueError, LookupError, StopIteration, TypeError, AttributeError) as error:
        raise InputError("A list of the published benchmark is missing or not of its form; name their folder.") from error


def patients(names: frozenset[str], pattern: str) -> frozenset[str]:
    """The patients of volumes. InputError for a name that does not tell one."""
    found = [re.match(pattern, name) for name in names]
    if None in found:
        raise InputError("A volume's name in the published lists does not tell its patient as that data set's names do.")
    return frozenset(match.group() for match in found if match is not None)


def row(task: str, lists: Lists, folder: Path) -> tuple[str, ...]:
    """A task's line of the table."""
    train, validation, test = (volumes(folder / lists.path, split) for split in KEYS)
    counts = [task, *(str(len(names)) for names in (train, validation, test))]
    people = [patients(names, lists.patient) for names in (train, validation, test)] if lists.patient else None
    return (*counts, *_shared((train, validation, test)), *(("not told",) * 3 if people is None else _shared(people)))


def _shared(sets: Sequence[frozenset[str]]) -> tuple[str, ...]:
    train, validation, test = sets
    return tuple(str(len(a & b)) for a, b in ((train, test), (train, validation), (validation, test)))


def main() -> None:
    """Print the table as Markdown. Exit code 2 where a list cannot be read."""
    parser = argparse.ArgumentParser(description="What the published benchmark's lists share between their splits, by task.")
    parser.add_argument("--lists", type=Path, required=True, help="folder of Classification, Segmentation and the rest")
    folder = parser.parse_args().lists
    with ended_in_one_sentence():
        rows = [row(task, lists, folder) for task, lists in TASKS.items()]
    for cells in (HEADER, ("---",) * len(HEADER), *rows):
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
