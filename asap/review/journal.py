"""What was done, kept as it was done: a journal with the words, and an audit trail without any, each a file that only grows.

A line of the journal is durable before its record of the audit trail is written, so a crash leaves at most one line without a
record, or half a line of either, and opening mends that. The audit trail is a hash chain: every record holds the digest of
the one before and a keyed digest of its line, so it can be handed on without the report and checked beside it. The key stands
in the journal; without it nobody can try out sentences against the digests.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import DamagedReview, ReviewError
from .record import compact
from .signing import digest

JOURNAL, AUDIT = "journal.jsonl", "audit.jsonl"
FORMAT = "asap-journal-1"
MAX_BYTES = 256 * 2**20
START = "0" * 64


@dataclass(frozen=True)
class Note:
    """What the audit trail says of a step: no words of the report, no name of a patient or a file. item: such as "sentence 3"."""

    time_utc: str
    author: str
    kind: str
    item: str = ""
    state: str = ""
    model_sha256: str = ""
    input_sha256: str = ""


class Journal:
    """One folder with a journal and its audit trail."""

    def __init__(self, folder: Path, key: bytes, sizes: tuple[int, int], events: list[dict[str, Any]], author: str = "") -> None:
        self.folder = folder
        self.events = events
        self._key = key
        self._sizes = sizes
        self._last = START
        self._author = author

    @property
    def author(self) -> str:
        """Who took the first step, "" before it."""
        return self._author

    @property
    def head_sha256(self) -> str:
        """The digest of the newest record: written into an export, it shows later whether the trail was cut."""
        return self._last

    def append(self, event: dict[str, Any], note: Note) -> None:
        """Add one step; when this returns, it stays. ReviewError when it could not be written: then nothing was added."""
        line = compact({"note": asdict(note), "event": event})
        journal, audit = self.folder / JOURNAL, self.folder / AUDIT
        sizes = self._sizes
        if (_size(journal), _size(audit)) != sizes:
            raise ReviewError("Another program has written to this review; open it again.")
        record = self._record(len(self.events), line)
        try:
            grown = (_grow(journal, sizes[0], line), _grow(audit, sizes[1], compact(record)))
        except OSError as error:
            _cut(journal, sizes[0])
            raise ReviewError(
                f"The step could not be written ({error.strerror}); free some space or choose another folder."
            ) from error
        self._sizes, self._last = grown, record["sha256"]
        self._author = self._author or note.author
        self.events.append(event)

    def _record(self, number: int, line: str) -> dict[str, Any]:
        record = {"number": number, **json.loads(line)["note"], "line_hmac": _keyed(self._key, line), "previous": self._last}
        return {**record, "sha256": digest(record)}

    def _verify(self, lines: list[str], records: list[dict[str, Any]]) -> None:
        """Walk the chain along the lines. DamagedReview at the first that does not fit."""
        for number, (line, record) in enumerate(zip(lines, records, strict=False)):
            if record != self._record(number, line):
                raise DamagedReview(f"The audit trail does not hold from record {number} on; use a copy from before that.")
            self._last = record["sha256"]


def create(folder: Path) -> Journal:
    """An empty journal in a folder of its own, readable by its owner only. ReviewError when there is one or it cannot be made."""
    key = secrets.token_bytes(32)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (folder / JOURNAL).exists():
            raise ReviewError("There is a review in this folder already; open that one or name another folder.")
        (folder / AUDIT).unlink(missing_ok=True)  # left by a crash before its journal came to be
        sizes = (_begin(folder / AUDIT, {"format": FORMAT}), _begin(folder / JOURNAL, {"format": FORMAT, "key": key.hex()}))
    except OSError as error:
        raise ReviewError("The folder of the review cannot be made or written; choose another one.") from error
    return Journal(folder, key, (sizes[1], sizes[0]), [])


def opened(folder: Path) -> Journal:
    """The journal of a folder, its chain verified and what a crash left mended. ReviewError for none, DamagedReview else."""
    try:
        lines, journal_size = _whole_lines(folder / JOURNAL)
        audit_lines, audit_size = _whole_lines(folder / AUDIT)
    except OSError as error:
        raise ReviewError("There is no review in this folder, or it may not be read.") from error
    try:
        head = json.loads(lines[0])
        if head["format"] != FORMAT or json.loads(audit_lines[0])["format"] != FORMAT:
            raise ValueError("another format")
        key = bytes.fromhex(head["key"])
        events = [dict(json.loads(line)["event"]) for line in lines[1:]]
        author = str(json.loads(lines[1])["note"]["author"]) if events else ""
        records = [dict(json.loads(line)) for line in audit_lines[1:]]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise DamagedReview("This journal is damaged or of another version; use a copy from before that.") from error
    journal = Journal(folder, key, (journal_size, audit_size), events, author)
    if not 0 <= len(events) - len(records) <= 1:
        raise DamagedReview("Journal and audit trail are not of the same length; use a copy from before that.")
    journal._verify(lines[1:], records)
    if len(events) > len(records):  # the crash came between the two writes
        record = journal._record(len(records), lines[-1])
        try:
            grown = _grow(folder / AUDIT, audit_size, compact(record))
        except OSError as error:
            raise ReviewError("The audit trail cannot be completed; free some space or make the folder writable.") from error
        journal._sizes, journal._last = (journal_size, grown), record["sha256"]
    return journal


def _keyed(key: bytes, line: str) -> str:
    return hmac.new(key, line.encode(), hashlib.sha256).hexdigest()


def _whole_lines(path: Path) -> tuple[list[str], int]:
    """The lines that end, and the file's size after what follows them, half a line, was cut away."""
    if path.stat().st_size > MAX_BYTES:
        raise DamagedReview("This journal is larger than any review; it is not one.")
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        _cut(path, whole)
    try:
        return data[:whole].decode("ascii").splitlines(), whole
    except UnicodeDecodeError as error:
        raise DamagedReview("This journal is damaged; use a copy from before that.") from error


def _begin(path: Path, head: dict[str, Any]) -> int:
    """A new file with its first line, whole or not there at all."""
    part = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    size = _grow(part, 0, compact(head))
    part.replace(path)
    _sync_folder(path.parent)
    return size


def _grow(path: Path, size: int, line: str) -> int:
    """Add a line and wait until it is on the disk; the size after it. OSError, with the file as it was, when that fails."""
    data = line.encode("ascii") + b"\n"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    except OSError:
        _cut(path, size)
        raise
    finally:
        os.close(handle)
    return size + len(data)


def _cut(path: Path, size: int) -> None:
    """Take away what follows `size`. When even that fails, opening does it later."""
    try:
        os.truncate(path, size)
    except OSError:
        return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; only POSIX lets a folder be opened for this."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
