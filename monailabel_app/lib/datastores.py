"""The datastore on a folder, and what the service behind `/asap/v1` asks of a datastore of either kind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from asap.errors import InputError
from asap.io.read import read_volume
from asap.pause import Pause, no_pause
from asap.volume import Volume
from monailabel_app.lib.archive import ArchiveDatastore
from monailabel_app.lib.shared_index import SharedIndex

IMAGE_PATTERNS = ("*.nii.gz", "*.nii", "*.nrrd")


class FolderDatastore(SharedIndex):
    """Images in a folder. One that cannot be written to is only read: its index then lies in a temporary folder."""

    kind = "folder"

    def __init__(self, folder: str) -> None:
        self.read_only = not _takes_files(folder)
        index = tempfile.mkdtemp(prefix="asap-index-") if self.read_only else folder
        super().__init__(index, images_dir=folder if self.read_only else ".", extensions=list(IMAGE_PATTERNS), auto_reload=True)
        self._handler.on_moved = self._on_any_event  # rsync renames whole files into place; MONAI Label sees only made ones
        if self.read_only:
            self._observer.schedule(self._handler, recursive=True, path=folder)

    def list_images(self) -> list[str]:
        """Ids of all images, those another server added included."""
        with self._exclusive():
            return list(self._datastore.objects)

    def image_path(self, image_id: str, pause: Pause = no_pause) -> Path:
        """Where an image lies. Raises InputError for an id the index does not hold, or one that leads out of the folder."""
        pause()
        uri = self.get_image_uri(image_id)
        if not uri or Path(image_id).name != image_id:
            raise InputError("The datastore holds no such image.")
        return Path(uri)

    def _changing(self) -> AbstractContextManager[None]:
        if self.read_only:
            raise InputError("The studies folder can only be read here: neither images, nor labels or notes are kept in it.")
        return super()._changing()


def _takes_files(folder: str) -> bool:
    """Whether the folder can be written to; nothing is left in it."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


Datastore = FolderDatastore | ArchiveDatastore


class DatastoreStudies:
    """A datastore as the service behind `/asap/v1` asks for it. held: the one of the moment, which a reload replaces."""

    def __init__(self, held: Callable[[], Datastore]) -> None:
        self._held = held

    @property
    def kind(self) -> str:
        """ "folder" or "dicomweb"."""
        return self._held().kind

    def count(self) -> int | None:
        """Number of images; None while an archive does not answer."""
        try:
            return len(self._held().list_images())
        except InputError:
            return None

    def contains(self, datastore_id: str) -> bool:
        """Whether exactly this id is held."""
        return datastore_id in self._held().list_images()

    def volume(self, datastore_id: str, pause: Pause) -> Volume:
        """Read one study in the sandboxed child. Raises AsapError."""
        return read_volume(self._held().image_path(datastore_id, pause), pause)

    def series(self, datastore_id: str, pause: Pause) -> Path | None:
        """The folder a DICOMweb archive's series was fetched into; None for a folder of NIfTI and NRRD files."""
        held = self._held()
        return held.image_path(datastore_id, pause) if held.kind == "dicomweb" else None
