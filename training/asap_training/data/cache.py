"""The cache of prepared cases: chunked, compressed, crops read without inflating everything.

    settings.json             what every case was made with; its digest is the cache's version
    index.json                written last: cases with their split, and what could not be read. Without it the cache is unfinished
    cases/ab/<case>.json      written last of a case: shape, geometry, tokens, sentences, checksums of the case's other files
    cases/ab/<case>.volume.b2nd                        int16 HU (blosc2)
    cases/ab/<case>.organs.b2nd                        organ classes as runs along the last axis (`organ_shares`)
    cases/ab/<case>.regions.b2nd                       numbers of sentences where they are true, in the same way
    texts/ab/<digest>.b2nd    float16 features of the frozen text encoder, one file per text

Names are digests; no report text, name or path is kept (rule R7). The same inputs give the same bytes in any order.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import blosc2  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from asap.errors import InputError, OutputError
from asap.io.atomic import PART_PREFIX, PART_SUFFIX, write_bytes
from asap_training.data.case import SPLITS, Split
from asap_training.data.json_digest import digest_of

FORMAT = "asap cache 4"
SETTINGS, INDEX = "settings.json", "index.json"
# A chunk is what one file read brings in, a block what one crop inflates: 24 x 24 mm columns along the last axis.
CHUNK, BLOCK = (64, 64, 128), (16, 16, 128)
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Stored:
    """A file of a case: sha256 and size of its bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class CaseRecord:
    """What is known of a cached case without opening its arrays.

    source: digest of what it was made from. content: sha256 of the prepared voxels. affine: prepared voxel -> RAS+ mm, rows.
    findings_ids, report_ids: tokens with [CLS], without padding. spans: (start, stop) of each sentence's findings tokens.
    sentence_organs: of each sentence the organ classes that together are the organ it names, where its region is not told.
    names_side: whether a sentence speaks of left or right. text: digest of the findings' tokens, under which the text encoder's
    features of them lie.
    """

    case: str
    patient: str
    split: Split
    source: str
    content: str
    shape: Triple
    affine: tuple[tuple[float, ...], ...]
    findings_ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    sentence_organs: tuple[tuple[int, ...], ...]
    report_ids: tuple[int, ...]
    names_side: bool
    volume: Stored
    organs: Stored | None
    regions: Stored | None
    text: str | None
    text_features: Stored | None

    @property
    def findings(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids of the findings and the sentence (1..S, 0 for none) each belongs to."""
        sentences = np.zeros(len(self.findings_ids), dtype=np.int64)
        for number, (start, stop) in enumerate(self.spans, start=1):
            sentences[start:stop] = number
        return np.array(self.findings_ids, dtype=np.int64), sentences


@contextmanager
def opened_cache(folder: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """Make the folder a cache of these settings, or find that it is one, and hold it inside the block.

    Several processes may hold it. The first of them removes what killed ones left half-written; a later one must not, since it
    cannot tell that from what the others are writing. Raises InputError when it holds a cache of other settings.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OutputError("The folder for the prepared cases cannot be made; name another one.") from error
    try:
        first = _locked(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if first:
            for part in folder.rglob(f"{PART_PREFIX}*{PART_SUFFIX}"):
                part.unlink(missing_ok=True)
        else:
            _locked(handle, fcntl.LOCK_SH)
        _check_settings(folder, {"format": FORMAT, **settings})
        if first:
            _locked(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _locked(handle: int, kind: int) -> bool:
    """Whether the folder could be locked; some network disks cannot lock anything."""
    try:
        fcntl.flock(handle, kind)
    except OSError:
        return False
    return True


def _check_settings(folder: Path, wanted: Mapping[str, Any]) -> None:
    path = folder / SETTINGS
    if not path.exists():
        write_bytes(path, json.dumps(wanted, indent=2).encode(), "settings of the cache")
    if _json(path) != json.loads(json.dumps(wanted)):
        raise InputError("This folder holds cases prepared with other settings; choose another --out, or the same settings.")


def read_settings(folder: Path) -> tuple[dict[str, Any], str]:
    """The settings of a cache and their digest. Raises InputError where there is no cache."""
    settings = _json(folder / SETTINGS)
    if settings.get("format") != FORMAT:
        raise InputError("The prepared cases are of another version of this package; prepare them again.")
    return settings, digest_of(settings)


def write_index(folder: Path, records: Sequence[CaseRecord], unreadable: Mapping[str, str]) -> None:
    """Finish the cache: its cases by split, and the reason for each one that could not be read."""
    cases = {split: sorted(record.case for record in records if record.split == split) for split in SPLITS}
    index = {"settings": read_settings(folder)[1], "cases": cases, "unreadable": dict(sorted(unreadable.items()))}
    write_bytes(folder / INDEX, json.dumps(index, indent=1).encode(), "index of the cache")


def read_index(folder: Path) -> dict[Split, list[str]]:
    """The cases of each split. Raises InputError for a cache that is not finished."""
    if not (folder / INDEX).exists():
        raise InputError("The cases of this folder are not all prepared yet; run the same `asap-train prepare` to its end.")
    index = _json(folder / INDEX)
    if index["settings"] != read_settings(folder)[1]:
        raise InputError("The index of the prepared cases does not belong to their settings; prepare them again.")
    return {split: list(index["cases"][split]) for split in SPLITS}


def case_path(folder: Path, case: str, ending: str) -> Path:
    """Where a file of a case lies; ending: "json", or "volume.b2nd", "organs.b2nd", "regions.b2nd"."""
    return folder / "cases" / case[:2] / f"{case}.{ending}"


def text_path(folder: Path, digest: str) -> Path:
    """Where the features of a text lie."""
    return folder / "texts" / digest[:2] / f"{digest}.b2nd"


def write_array(path: Path, array: NDArray[Any], what: str) -> Stored:
    """Compress an array into one file. The same array gives the same bytes."""
    chunk, block = (CHUNK, BLOCK) if array.ndim == 3 else (array.shape, array.shape)
    chunks = tuple(min(c, n) for c, n in zip(chunk, array.shape, strict=True))
    # On real CTs .6 of the processor time of zstd-1 to inflate and .4 to write, for a fifth more room.
    cparams = {"codec": blosc2.Codec.LZ4, "clevel": 5, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 1}
    blocks = tuple(min(b, c) for b, c in zip(block, chunks, strict=True))
    data = blosc2.asarray(np.ascontiguousarray(array), chunks=chunks, blocks=blocks, cparams=cparams).to_cframe()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data, what)
    return Stored(hashlib.sha256(data).hexdigest(), len(data))


def open_array(path: Path) -> Any:
    """A cached array, to be sliced: only the blocks a slice touches are read and inflated. InputError where it is damaged."""
    try:
        return blosc2.open(str(path), mode="r", mmap_mode="r", dparams={"nthreads": 1})
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError("A file of the prepared cases is missing or damaged; run `asap-train prepare` with --verify.") from error


def write_record(folder: Path, record: CaseRecord) -> None:
    """Write what makes a case count as there."""
    data = json.dumps(asdict(record), separators=(",", ":")).encode()
    write_bytes(case_path(folder, record.case, "json"), data, "record of a case")


def read_record(folder: Path, case: str) -> CaseRecord:
    """Raises InputError where the case is not there or its record is damaged."""
    data = _json(case_path(folder, case, "json"))
    try:
        data["volume"] = Stored(**data["volume"])
        for name in ("organs", "regions", "text_features"):
            data[name] = None if data[name] is None else Stored(**data[name])
        data["spans"] = tuple((start, stop) for start, stop in data["spans"])
        data["sentence_organs"] = tuple(tuple(classes) for classes in data["sentence_organs"])
        data["affine"] = tuple(tuple(row) for row in data["affine"])
        for name in ("shape", "findings_ids", "report_ids"):
            data[name] = tuple(data[name])
        return CaseRecord(**{field.name: data[field.name] for field in fields(CaseRecord)})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("The record of a prepared case is damaged; run `asap-train prepare` again.") from error


def is_whole(folder: Path, record: CaseRecord, *, read: bool) -> bool:
    """Whether the case's files are there in their size, or, where they are to be read, byte for byte."""
    files = [(case_path(folder, record.case, "volume.b2nd"), record.volume)]
    for ending, stored in (("organs.b2nd", record.organs), ("regions.b2nd", record.regions)):
        if stored is not None:
            files.append((case_path(folder, record.case, ending), stored))
    if record.text is not None and record.text_features is not None:
        files.append((text_path(folder, record.text), record.text_features))
    for path, stored in files:
        if not path.exists() or path.stat().st_size != stored.size:
            return False
        if read and hashlib.sha256(path.read_bytes()).hexdigest() != stored.sha256:
            return False
    return True


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError("This folder holds no prepared cases, or a damaged record; run `asap-train prepare`.") from error
    if not isinstance(data, dict):
        raise InputError("A record of the prepared cases is damaged; run `asap-train prepare` again.")
    return data
