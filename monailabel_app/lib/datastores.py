"""The two datastores: a folder, and a DICOMweb archive whose series are read by our own sandboxed reader."""

from __future__ import annotations

import re
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from dicomweb_client import DICOMwebClient
from monailabel.datastore.dicom import DICOMWebDatastore
from requests import RequestException

from asap.errors import InputError
from asap.io.nifti import write_nifti
from asap.io.read import read_volume
from asap.pause import Pause
from asap.volume import Volume, to_int16
from monailabel_app.lib.shared_index import SharedIndex

LISTED_FOR_S = 60.0
_UID = re.compile(r"[0-9.]{1,64}")
IMAGE_PATTERNS = ("*.nii.gz", "*.nii", "*.nrrd")


class FolderDatastore(SharedIndex):
    """Images in a folder."""

    kind = "folder"

    def __init__(self, folder: str) -> None:
        super().__init__(folder, extensions=list(IMAGE_PATTERNS), auto_reload=True)

    def list_images(self) -> list[str]:
        """Ids of all images, those another server added included."""
        with self._exclusive():
            return list(self._datastore.objects)

    def image_path(self, image_id: str) -> Path:
        """Where an image lies. Raises InputError for an id the index does not hold, or one that leads out of the folder."""
        uri = self.get_image_uri(image_id)
        if not uri or Path(image_id).name != image_id:
            raise InputError("The datastore holds no such image.")
        return Path(uri)


class ArchiveDatastore(SharedIndex, DICOMWebDatastore):  # type: ignore[misc]
    """CT series of a DICOMweb archive; fetched series lie in the server's private folder while it runs."""

    kind = "dicomweb"

    def __init__(self, client: DICOMwebClient, search_filter: dict[str, Any], cache: Path) -> None:
        self._fetching = threading.Lock()
        self._listing = threading.Lock()
        self._listed: tuple[float, list[str]] = (float("-inf"), [])
        super().__init__(client=client, search_filter=search_filter, cache_path=str(cache))

    def list_images(self) -> list[str]:
        """Series UIDs, at most a minute old. Raises InputError when the archive does not answer."""
        with self._listing:
            asked, series = self._listed
            if time.monotonic() - asked > LISTED_FOR_S:
                series = [_value(found, "0020000E") for found in self._search(self._search_filter)]
                self._listed = (time.monotonic(), series)
            return series

    def json(self) -> dict[str, Any]:
        """The index, with the series in it that were not fetched yet."""
        index = super().json()
        missing = [series for series in self.list_images() if series not in index["objects"]]
        index["objects"] |= {series: {"image": {"ext": "", "info": self._dicom_info(series)}, "labels": {}} for series in missing}
        return index

    def get_labeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        """Series this server has sent a segmentation of; others are not looked for."""
        held = set(self.list_images())
        return [series for series in super(DICOMWebDatastore, self).get_labeled_images() if series in held]

    def get_unlabeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        """All other series."""
        done = set(self.get_labeled_images())
        return [series for series in self.list_images() if series not in done]

    def image_path(self, image_id: str) -> Path:
        """Folder with the series' files, fetched when it is not there. Raises InputError."""
        if not _UID.fullmatch(image_id) or image_id not in self.list_images():
            raise InputError("The datastore holds no such image.")
        folder = Path(self._datastore.image_path()) / image_id
        with self._fetching:
            if not folder.is_dir():
                self._fetch(image_id, folder)
        return folder

    def get_image_uri(self, image_id: str) -> str:
        """The series as one NIfTI file, written by us from the sandboxed reader's voxels."""
        folder = self.image_path(image_id)
        path = folder.with_name(f"{image_id}.nii.gz")
        if not path.exists():
            volume = read_volume(folder)
            write_nifti(path, to_int16(volume.hu), volume.affine)
            self.refresh()
        return str(path)

    def get_label_uri(self, label_id: str, label_tag: str, image_id: str = "") -> str:
        """A label this server was sent."""
        return str(super(DICOMWebDatastore, self).get_label_uri(label_id, label_tag))

    def datalist(self, full_path: bool = True) -> list[dict[str, Any]]:
        """Pairs of image and label this server holds itself."""
        pairs: list[dict[str, Any]] = super(DICOMWebDatastore, self).datalist(full_path)
        return pairs

    def _fetch(self, series: str, folder: Path) -> None:
        found = self._search({"SeriesInstanceUID": series})
        study = _value(next((one for one in found if _value(one, "0020000E") == series), {}), "0020000D")
        part = folder.with_name(f".fetching-{series}")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        try:
            for number, instance in enumerate(self._client.retrieve_series(study, series)):
                instance.save_as(part / f"{number:05d}.dcm")
            part.rename(folder)
        except (RequestException, OSError, ValueError) as error:
            shutil.rmtree(part, ignore_errors=True)
            raise InputError("The archive did not deliver this series; try again.") from error

    def _search(self, filters: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self._client.search_for_series(search_filters=filters)
        except (RequestException, ValueError) as error:
            raise InputError("The archive does not answer; check its address and that it is running.") from error
        return found

    def _dicom_info(self, series_id: str) -> dict[str, Any]:
        """What the index keeps of a series: nothing that names a patient."""
        return {"SeriesInstanceUID": series_id}


def _value(record: dict[str, Any], tag: str) -> str:
    values = record.get(tag, {}).get("Value", [])
    if not values or not _UID.fullmatch(str(values[0])):
        raise InputError("The archive's answer names no usable series.")
    return str(values[0])


Datastore = FolderDatastore | ArchiveDatastore


class DatastoreStudies:
    """A datastore as the service behind `/asap/v1` asks for it."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    @property
    def kind(self) -> str:
        """ "folder" or "dicomweb"."""
        return self._datastore.kind

    def count(self) -> int | None:
        """Number of images; None while an archive does not answer."""
        try:
            return len(self._datastore.list_images())
        except InputError:
            return None

    def contains(self, datastore_id: str) -> bool:
        """Whether exactly this id is held."""
        return datastore_id in self._datastore.list_images()

    def volume(self, datastore_id: str, pause: Pause) -> Volume:
        """Read one study in the sandboxed child. Raises AsapError."""
        return read_volume(self._datastore.image_path(datastore_id), pause)
