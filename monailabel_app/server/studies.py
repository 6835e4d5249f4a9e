"""A study of one session: an upload that fills up part by part, or one that the server's own archive holds."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import Any, Literal

from asap.pause import Pause, no_pause
from asap.volume import Volume, spacing_of
from monailabel_app.server.revisions import Revisions
from monailabel_app.server.service_config import StudySource
from monailabel_app.server.service_errors import conflict, not_found, unprocessable
from monailabel_app.server.uploads import UploadSpec, digest, read_volume, reserve, write_part


class Upload:
    """The parts of one upload. A part that has arrived stays as it is; what is sent again is not written again."""

    def __init__(self, spec: UploadSpec, folder: Path) -> None:
        self.spec = spec
        self._path = folder / f"{secrets.token_hex(16)}.voxels"
        self._lock = threading.Lock()
        self._missing = set(range(spec.parts))
        self._verified = False
        reserve(self._path, spec.bytes)

    def missing(self) -> list[int]:
        """Parts not yet received, ascending."""
        with self._lock:
            return sorted(self._missing)

    @property
    def complete(self) -> bool:
        """Whether every byte arrived and the digest agreed."""
        with self._lock:
            return self._verified

    def put(self, number: int, data: bytearray) -> list[int]:
        """Keep one whole part; with the last one the digest is compared: 422 damaged_upload drops all parts."""
        with self._lock:
            if number in self._missing:
                write_part(self._path, number * self.spec.part_bytes, data)
                self._missing.discard(number)
            if not self._missing and not self._verified:
                if digest(self._path) != self.spec.sha256:
                    self._missing = set(range(self.spec.parts))
                    raise unprocessable("The case arrived damaged; send it again.", "damaged_upload")
                self._verified = True
            return sorted(self._missing)

    def volume(self, pause: Pause = no_pause) -> Volume:
        """The voxels, read back from the disk."""
        return read_volume(self._path, self.spec, pause)

    def release(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


class Study:
    """One case of one session. `closed`: released, so that work still under way keeps nothing of it."""

    def __init__(self, source: Upload | str, archive: StudySource | None, owner: str) -> None:
        self.id = secrets.token_hex(16)
        # What the features are filed under: an upload's never serve another session, those of the server's archive serve all.
        self.owner = owner if isinstance(source, Upload) else None
        self.closed = False
        self.coverage: dict[str, Any] | None = None
        self.revisions = Revisions()
        self._source = source
        self._archive = archive
        self._geometry: tuple[list[int], list[float]] | None = None
        if isinstance(source, Upload):
            self._geometry = (list(source.spec.shape), [round(mm, 6) for mm in spacing_of(source.spec.affine)])

    @property
    def declaration(self) -> UploadSpec | str:
        """What it was opened with: the same again in one session is the same study."""
        return self._source.spec if isinstance(self._source, Upload) else self._source

    @property
    def state(self) -> Literal["uploading", "ready"]:
        """Whether it can be worked with."""
        return "uploading" if isinstance(self._source, Upload) and not self._source.complete else "ready"

    @property
    def upload(self) -> Upload:
        """The upload; 409 for a study of the archive, which takes no parts."""
        if not isinstance(self._source, Upload):
            raise conflict("This study is one the server holds itself; it takes no parts.")
        return self._source

    def volume(self, pause: Pause = no_pause) -> Volume:
        """Read the voxels. Raises AsapError; 409 while parts are missing. pause: called meanwhile; what it raises ends it."""
        if self.state != "ready":
            raise conflict("The case is not complete; send the missing parts first.")
        if isinstance(self._source, Upload):
            return self._source.volume(pause)
        if self._archive is None:
            raise not_found("study")
        volume = self._archive.volume(self._source, pause)
        self._geometry = (list(volume.shape), [round(mm, 6) for mm in volume.spacing_mm])
        return volume

    def series(self, pause: Pause = no_pause) -> Path | None:
        """Folder of the DICOM series; None for an upload and for an archive that holds none. Raises AsapError."""
        if isinstance(self._source, Upload) or self._archive is None:
            return None
        return self._archive.series(self._source, pause)

    def release(self) -> None:
        """Remove what it keeps on disk; what still works on it finds it closed."""
        self.closed = True
        if isinstance(self._source, Upload):
            self._source.release()

    def declared(self) -> dict[str, Any]:
        """The answer to a declaration."""
        parts = self._source.spec.parts if isinstance(self._source, Upload) else 0
        return {"study": self.id, "state": self.state, "parts": parts, "missing": self._missing()}

    def described(self, encoded: list[tuple[str, bool]]) -> dict[str, Any]:
        """The answer to `GET studies/{id}`. shape and spacing of an archive's study are known once it was read."""
        shape, spacing_mm = self._geometry or (None, None)
        return {
            "study": self.id,
            "state": self.state,
            "missing": self._missing(),
            "encoded": [{"model": model, "fine": fine} for model, fine in encoded],
            "shape": shape,
            "spacing_mm": spacing_mm,
            "coverage": self.coverage,
        }

    def _missing(self) -> list[int]:
        return self._source.missing() if isinstance(self._source, Upload) else []
