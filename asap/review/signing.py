"""What signing freezes, and the digests that show whether it stayed so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from asap.client import HeatmapBox


@dataclass(frozen=True)
class Signature:
    """sha256: of all that stood in the review at that moment, decisions and digests of maps included."""

    author: str
    time_utc: str
    sha256: str


@dataclass(frozen=True)
class Amendment:
    """Words added after signing. sentence: the index of the one they speak of, or None. sha256: chained on what came before."""

    author: str
    time_utc: str
    text: str
    sentence: int | None
    sha256: str


def digest(record: Any, *before: str) -> str:
    """sha256 of a JSON value in one canonical form, after the digests it follows."""
    canonical = json.dumps([*before, record], sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def map_digest(box: HeatmapBox) -> str:
    """sha256 of a map's geometry and levels, not of their compressed form: that differs between builds of zlib."""
    record = asdict(box)
    record["levels"] = hashlib.sha256(box.levels).hexdigest()
    return digest(record)


def chained(previous_sha256: str, author: str, time_utc: str, text: str, sentence: int | None) -> Amendment:
    """The amendment that follows a signature or another amendment with this digest."""
    words = {"author": author, "time_utc": time_utc, "text": text, "sentence": sentence}
    return Amendment(author, time_utc, text, sentence, digest(words, previous_sha256))
