"""A DICOMweb archive as the datastore: its CT series, fetched when they are asked for and read by the sandboxed reader."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pydicom
import requests
from monailabel.config import settings
from monailabel.datastore.dicom import DICOMwebClientX, DICOMWebDatastore

from asap.errors import InputError
from asap.io.dicom_seg import write_dicom_seg
from asap.io.nifti import write_nifti
from asap.io.read import read_labels, read_volume
from asap.io.segments import MaskSet, NamedMask
from asap.pause import Pause, no_pause
from asap.segment_types import label_type
from asap.volume import to_int16
from monailabel_app.lib.archive_fetch import TimedSession, apart, keep_instances
from monailabel_app.lib.label_names import label_names
from monailabel_app.lib.shared_index import SharedIndex

LISTED_FOR_S = 60.0
_UID = re.compile(r"[0-9.]{1,64}")
_INSTANCES = 'multipart/related; type="application/dicom"'


class ArchiveDatastore(SharedIndex, DICOMWebDatastore):  # type: ignore[misc]
    """CT series of a DICOMweb archive; fetched series lie in the server's private folder while it runs."""

    kind = "dicomweb"

    def __init__(self, address: str, cache: Path) -> None:
        self._fetching = threading.Lock()
        self._listing = threading.Lock()
        self._listed: tuple[float, list[str]] = (float("-inf"), [])
        self._session = TimedSession()
        client = DICOMwebClientX(
            url=address.rstrip("/"),
            session=self._session,
            qido_url_prefix=settings.MONAI_LABEL_QIDO_PREFIX,
            wado_url_prefix=settings.MONAI_LABEL_WADO_PREFIX,
            stow_url_prefix=settings.MONAI_LABEL_STOW_PREFIX,
        )
        super().__init__(client, dict(settings.MONAI_LABEL_DICOMWEB_SEARCH_FILTER), cache_path=str(cache))

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

    def image_path(self, image_id: str, pause: Pause = no_pause) -> Path:
        """Folder with the series' files, fetched when it is not there. Raises InputError.

        pause: called while the archive delivers; when it raises, the wait ends at once and nothing is kept.
        """
        return apart(lambda given_up: self._held(image_id, given_up), pause)

    def ask(self, service: str, path: str, query: str, accept: str) -> requests.Response:
        """The archive's own answer to a QIDO-RS or WADO-RS question, not read yet. service: "qido", "wado" or "".

        path, query: as they go into the address, checked by the caller. Raises InputError when it does not answer.
        """
        prefixes = {"qido": self._client.qido_url_prefix, "wado": self._client.wado_url_prefix}
        address = "/".join(part for part in (str(self._client.base_url), prefixes.get(service), path) if part)
        try:
            wanted = {"Accept": accept, "Accept-Encoding": "identity"}  # what comes is passed on, or written, as it is
            return self._session.get(address + (f"?{query}" if query else ""), headers=wanted, stream=True, allow_redirects=False)
        except requests.RequestException as error:
            raise InputError("The archive does not answer; check its address and that it is running.") from error

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

    def save_label(self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any]) -> str:
        """Keep a label; a final one also goes to the archive as a DICOM SEG of its series. Raises InputError."""
        self.get_image_uri(image_id)  # a label belongs to an image of the index
        if label_tag == "final":
            self._send_segmentation(image_id, Path(label_filename), label_info)
        return super().save_label(image_id, label_filename, label_tag, label_info)

    def datalist(self, full_path: bool = True) -> list[dict[str, Any]]:
        """Pairs of image and label this server holds itself."""
        pairs: list[dict[str, Any]] = super(DICOMWebDatastore, self).datalist(full_path)
        return pairs

    def _held(self, image_id: str, given_up: threading.Event) -> Path:
        if not _UID.fullmatch(image_id) or image_id not in self.list_images():
            raise InputError("The datastore holds no such image.")
        folder = Path(self._datastore.image_path()) / image_id
        with self._fetching:
            if not folder.is_dir():
                self._fetch(image_id, folder, given_up)
        return folder

    def _fetch(self, series: str, folder: Path, given_up: threading.Event) -> None:
        found = self._search({"SeriesInstanceUID": series})
        study = _value(next((one for one in found if _value(one, "0020000E") == series), {}), "0020000D")
        part = folder.with_name(f".fetching-{secrets.token_hex(8)}")
        part.mkdir(mode=0o700)
        try:
            with self.ask("wado", f"studies/{study}/series/{series}", "", _INSTANCES) as answer:
                answer.raise_for_status()
                keep_instances(answer, part, given_up)
            part.rename(folder)
        except (requests.RequestException, ValueError) as error:
            raise InputError("The archive did not deliver this series; try again.") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _send_segmentation(self, image_id: str, label: Path, info: dict[str, Any]) -> None:
        labels, affine = read_labels(label)
        i, j, k = labels.shape
        named = label_names(info).items()
        masks = tuple(
            NamedMask(name, labels == value, label_type(name, value)) for value, name in named if (labels == value).any()
        )
        series = self.image_path(image_id)
        seg = series.with_name(f".seg-{secrets.token_hex(8)}.dcm")
        try:
            write_dicom_seg(seg, MaskSet(masks, (i, j, k), affine), series)
            self._client.store_instances([pydicom.dcmread(seg)])
        except (requests.RequestException, ValueError) as error:
            raise InputError("The archive did not take the segmentation; try again.") from error
        finally:
            seg.unlink(missing_ok=True)

    def _search(self, filters: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self._client.search_for_series(search_filters=filters)
        except (requests.RequestException, ValueError) as error:
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
