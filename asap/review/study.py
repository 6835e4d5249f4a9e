"""A reading study in one folder: answers, several readers who know neither models nor each other's verdicts, and the key.

`key.json` says which model gave which answer and stays with whoever runs the study; a `reader-N` folder is all its reader needs.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from . import kept_review
from .answer_lists import ListedAnswer
from .errors import DamagedReview, ReviewError
from .kept_review import KeptReview
from .review import ReviewedAnswer
from .worklist import blind_list, blind_order

KEY = "key.json"
FORMAT = "asap-reading-study-1"
MAX_READERS = 26


@dataclass(frozen=True)
class Study:
    """listed: the rows as they came in. orders: for each reader, the row behind every answer of that reader's list."""

    folder: Path
    listed: tuple[ListedAnswer, ...]
    readers: tuple[str, ...]
    seed: int
    orders: tuple[tuple[int, ...], ...]

    def kept(self, reader: int) -> KeptReview:
        """A reader's list as it was left. DamagedReview when it is not the one of this study."""
        kept = kept_review.opened(reader_folder(self.folder, reader))
        answers = kept.review.answers if kept.review is not None else ()
        rows = [self.listed[n] for n in self.orders[reader]]
        if [(a.case, a.question, a.draft) for a in answers] != [(r.case, r.question, r.answer) for r in rows]:
            raise DamagedReview("A reader's list is not the one of this study; use the folder it came with.")
        return kept

    def judged(self, reader: int) -> dict[int, ReviewedAnswer]:
        """A reader's answers with a verdict, by row of the list."""
        review = self.kept(reader).review
        answers = review.answers if review is not None else ()
        return {row: answer for row, answer in zip(self.orders[reader], answers, strict=True) if answer.verdict is not None}


def begin(folder: Path, listed: Sequence[ListedAnswer], readers: Sequence[str], seed: int) -> Study:
    """Make the folder with its key and a list for every reader. ReviewError for unusable readers or a folder in use."""
    names = tuple(" ".join(name.split()) for name in readers)
    if not names or len(names) > MAX_READERS or len(set(names)) < len(names) or not all(names):
        raise ReviewError(f"Name one to {MAX_READERS} readers, each another.")
    if folder.exists() and any(folder.iterdir()):
        raise ReviewError("The folder of the study is not empty; name another one.")
    chance = random.Random(seed)
    orders = tuple(tuple(blind_order(listed, chance.getrandbits(63))) for _name in names)
    study = Study(folder, tuple(listed), names, seed, orders)
    for number, name in enumerate(names):
        kept_review.create(reader_folder(folder, number)).keep(blind_list(listed, orders[number]), name)
    key = {
        "format": FORMAT,
        "seed": seed,
        "readers": list(names),
        "orders": [list(order) for order in orders],
        "rows": [asdict(row) for row in listed],
    }
    _write(folder / KEY, json.dumps(key, indent=1, ensure_ascii=False))
    return study


def opened(folder: Path) -> Study:
    """The study of a folder. ReviewError when there is none."""
    try:
        key = json.loads((folder / KEY).read_text(encoding="utf-8"))
        if key["format"] != FORMAT:
            raise ValueError("another format")
        listed = tuple(ListedAnswer(**row) for row in key["rows"])
        orders = tuple(tuple(int(n) for n in order) for order in key["orders"])
        if len(orders) != len(key["readers"]) or any(sorted(order) != list(range(len(listed))) for order in orders):
            raise ValueError("no orders of these rows")
        return Study(folder, listed, tuple(str(name) for name in key["readers"]), int(key["seed"]), orders)
    except OSError as error:
        raise ReviewError("There is no reading study in this folder; begin one with `asap review new`.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedReview("The key of this study is damaged or of another version; use a copy.") from error


def reader_folder(folder: Path, reader: int) -> Path:
    """Where a reader's list lies: named by number, so that no name stands in a path."""
    return folder / f"reader-{reader + 1}"


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise ReviewError("The study could not be written there; choose another folder.") from error
