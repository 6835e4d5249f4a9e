"""MONAI Label's index of a datastore, made safe for two servers on one folder.

`datastore_v2.json` is read before every change under the same lock the change is written under, and replaced in one step: a
server never writes over what another one added, and no reader meets half a file.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from monailabel.datastore.local import DataModel, ImageLabelModel, LocalDatastore, LocalDatastoreModel

from asap.errors import InputError
from asap.io.atomic import atomic_writer, write_bytes

_COPY_BYTES = 2**20


class SharedIndex(LocalDatastore):  # type: ignore[misc]
    """A LocalDatastore whose every change is read, made and written under one lock held by one process at a time."""

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the lock with the newest index in memory. May be entered again by the thread that holds it."""
        if not hasattr(self, "_shared_lock"):  # MONAI Label reads the index in its constructor
            self._shared_lock = FileLock(self._lock_file)
            self._seen: tuple[int, int, int] | None = None
        with self._shared_lock:
            self._read_index()
            yield

    def _changing(self) -> AbstractContextManager[None]:
        """What every change is made within. Raises InputError where nothing can be kept."""
        return self._exclusive()

    def _read_index(self) -> None:
        try:
            state = os.stat(self._datastore_config_path)  # noqa: PTH116 - MONAI Label keeps its paths as text
        except FileNotFoundError:
            return
        seen = (state.st_ino, state.st_size, state.st_mtime_ns)
        if seen == self._seen:
            return
        try:
            read = LocalDatastoreModel.model_validate_json(Path(self._datastore_config_path).read_bytes())
        except ValueError as error:
            raise InputError("The datastore's index datastore_v2.json is damaged; restore or delete it.") from error
        read.base_path = self._datastore_path
        self._datastore, self._seen = read, seen

    def _init_from_datastore_file(self, throw_exception: bool = False) -> None:
        with self._exclusive():
            pass

    def _update_datastore_file(self, lock: bool = True) -> None:
        with self._shared_lock:
            text = json.dumps(self._datastore.model_dump(exclude={"base_path"}), indent=2, default=str)
            path = Path(self._datastore_config_path)
            write_bytes(path, text.encode(), "datastore index")
            state = path.stat()
            self._seen = (state.st_ino, state.st_size, state.st_mtime_ns)

    def _reconcile_datastore(self) -> None:
        with self._exclusive():
            super()._reconcile_datastore()

    def json(self) -> dict[str, Any]:
        """The whole index, newest state."""
        with self._exclusive():
            index: dict[str, Any] = super().json()
            return index

    def close(self) -> None:
        """Stop watching the folder: what happens to it from now on is no longer noted."""
        observer = getattr(self, "_observer", None)
        if observer is not None:
            observer.stop()
            observer.join()

    def get_image_info(self, image_id: str) -> dict[str, Any]:
        """What is noted of an image, without its place on this machine."""
        with self._exclusive():
            info: dict[str, Any] = super().get_image_info(image_id)
        return {key: value for key, value in info.items() if key != "path"}

    def update_image_info(self, image_id: str, info: dict[str, Any]) -> None:
        """Change what is noted of an image."""
        with self._changing():
            super().update_image_info(image_id, info)

    def update_label_info(self, label_id: str, label_tag: str, info: dict[str, Any]) -> None:
        """Change what is noted of a label."""
        with self._changing():
            super().update_label_info(label_id, label_tag, info)

    def add_image(self, image_id: str, image_filename: str, image_info: dict[str, Any]) -> str:
        """Take a copy of a file into the folder and note it."""
        own_id, extension = self._to_id(Path(image_filename).name)
        image_id = image_id or own_id
        name = self._filename(image_id, extension)
        with self._changing():
            copy_whole(Path(image_filename), Path(self._datastore.image_path()) / name)
            info = {**(image_info or {}), "ts": int(time.time()), "name": name}
            self._datastore.objects[image_id] = ImageLabelModel(image=DataModel(info=info, ext=extension))
            self._update_datastore_file()
        return image_id

    def save_label(self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any]) -> str:
        """Take a copy of a label into the folder of its tag and note it. Raises InputError for an unknown image."""
        _, extension = self._to_id(Path(label_filename).name)
        name = self._filename(image_id, extension)
        with self._changing():
            image = self._datastore.objects.get(image_id)
            if image is None:
                raise InputError("The datastore holds no such image.")
            folder = Path(self._datastore.label_path(label_tag))
            folder.mkdir(parents=True, exist_ok=True)
            copy_whole(Path(label_filename), folder / name)
            info = {**(label_info or {}), "ts": int(time.time()), "name": name}
            image.labels[label_tag] = DataModel(info=info, ext=extension)
            self._update_datastore_file()
        return image_id

    def remove_image(self, image_id: str) -> None:
        """Remove an image and its labels. Raises ImageNotFoundException."""
        with self._changing():
            super().remove_image(image_id)
            self._reconcile_datastore()

    def remove_label(self, label_id: str, label_tag: str) -> None:
        """Remove one label."""
        with self._changing():
            super().remove_label(label_id, label_tag)
            self._reconcile_datastore()


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that the target is whole or absent."""
    with source.open("rb") as reading, atomic_writer(target, "file") as writing:
        shutil.copyfileobj(reading, writing, _COPY_BYTES)
