"""What the service is told at start, and what it asks of the archive it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asap import limits
from asap.pause import Pause
from asap.volume import Volume


@dataclass(frozen=True)
class ServiceConfig:
    """Limits of `/asap/v1`. Sizes in bytes, times in seconds.

    unwatched_s: a job whose last event stream broke is cancelled when nobody asks for it again within this time. yield_s: the
    longest the image lane waits for waiting sentences between two blocks of the encoder.
    """

    sessions: int = limits.MAX_SESSIONS
    queue: int = limits.MAX_QUEUED_JOBS
    part_bytes: int = limits.MAX_PART_BYTES
    upload_bytes: int = limits.MAX_UPLOAD_BYTES
    session_upload_bytes: int = 2 * limits.MAX_UPLOAD_BYTES
    studies_per_session: int = 16
    parts_at_once: int = 4
    streams_per_session: int = 16
    jobs_kept: int = 64
    result_bytes_kept: int = 64 * 2**20
    feature_memory_bytes: int = limits.FEATURE_CACHE_BYTES
    idle_s: float = 600.0
    unwatched_s: float = 1.0
    yield_s: float = 0.2
    reap_every_s: float = 1.0


class StudySource(Protocol):
    """Studies the server holds itself. `kind` is "folder" or "dicomweb"."""

    @property
    def kind(self) -> str:
        """How `info` names the archive."""
        ...

    def count(self) -> int | None:
        """Number of images, or None when the archive does not say."""
        ...

    def contains(self, datastore_id: str) -> bool:
        """Whether exactly this id is held; quick, reads no voxels."""
        ...

    def volume(self, datastore_id: str, pause: Pause) -> Volume:
        """Read one study. Raises AsapError with a sentence for the user. pause: called meanwhile; what it raises ends it."""
        ...

    def series(self, datastore_id: str, pause: Pause) -> Path | None:
        """Folder of a study's DICOM series, fetched if need be; None for an archive of other files. Raises AsapError."""
        ...
