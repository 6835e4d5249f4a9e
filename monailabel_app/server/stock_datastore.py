"""`/datastore/` for stock clients: names that stay inside, files that are volumes, nothing of this machine in an answer."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from fastapi import BackgroundTasks, File, Form, UploadFile
from fastapi.responses import FileResponse
from monailabel.interfaces.utils.app import app_instance

from asap.io.read import read_labels, read_volume
from monailabel_app.lib.datastores import Datastore
from monailabel_app.lib.submitted_segments import SEGMENT_EXTENSIONS, write_submitted
from monailabel_app.server.service_errors import ServiceError
from monailabel_app.server.stock_names import (
    VOLUME_EXTENSIONS,
    checked_extension,
    checked_image_id,
    checked_tag,
    json_object,
    stored_upload,
)

# MONAI Label's names; without one it is SHA-256.
CHECK_SUMS = {"": "sha256", "SHA256": "sha256", "SHA512": "sha512", "MD5": "md5"}


class Contents(StrEnum):
    """How much of the datastore's contents is wanted."""

    train = "train"
    stats = "stats"
    all = "all"


def contents(output: Contents = Contents.stats) -> Any:
    """Counts, all images with their labels, or the pairs of image and label."""
    held = _datastore()
    if output is Contents.all:
        return held.json()
    if output is Contents.train:
        return [{name: Path(path).name for name, path in pair.items()} for pair in held.datalist()]
    return held.status()


def add_image(
    file: Annotated[UploadFile, File()], image: str | None = None, params: Annotated[str, Form()] = "{}"
) -> dict[str, str]:
    """Take a volume into the datastore folder, once our reader has read it."""
    held = _datastore()
    if held.kind != "folder":
        raise ServiceError(409, "conflict", "Images come into this datastore through its archive.")
    extension = checked_extension(file)
    name = image or (file.filename or "")[: -len(extension)]
    for known in VOLUME_EXTENSIONS:
        name = name.removesuffix(known)
    image_id = checked_image_id(name)
    info = json_object(params)
    upload = stored_upload(file, extension)
    try:
        read_volume(upload)
        return {"image": held.add_image(image_id, str(upload), info)}
    finally:
        upload.unlink(missing_ok=True)


def check_image(image: str, check_sum: str | None = None) -> None:
    """Whether the datastore holds an image, and these very bytes. check_sum: "SHA256:" and hexadecimal digits, or those alone.

    MONAI Label's own handler finds no digest right and fails on an algorithm it does not know.
    """
    held = _datastore()
    _check_held(held, image)
    if check_sum is None:
        return
    algorithm, _, digest = check_sum.rpartition(":")
    if algorithm not in CHECK_SUMS:
        raise ServiceError(422, "bad_check_sum", f"A check sum is made with {', '.join(name for name in CHECK_SUMS if name)}.")
    with Path(held.get_image_uri(image)).open("rb") as file:
        if hashlib.file_digest(file, CHECK_SUMS[algorithm]).hexdigest() != digest.lower():
            raise ServiceError(404, "not_found", "The datastore holds another image under this name.")


def save_label(
    image: str, label: Annotated[UploadFile, File()], tag: str = "final", params: Annotated[str, Form()] = "{}"
) -> dict[str, Any]:
    """Keep a label of an image under a tag; segments (DICOM SEG, .seg.nrrd) as a label image with their names."""
    held = _datastore()
    extension = checked_extension(label, (*SEGMENT_EXTENSIONS, *VOLUME_EXTENSIONS))
    tag, info = checked_tag(tag), json_object(params)
    _check_held(held, image)
    upload = stored_upload(label, extension)
    drawn = upload
    try:
        if extension in SEGMENT_EXTENSIONS:
            drawn = upload.with_name(f"{upload.name}.nii.gz")
            info = {**info, "label_names": write_submitted(upload, read_volume(held.image_path(image)), drawn)}
        else:
            read_labels(upload)
        saved = held.save_label(image, str(drawn), tag, info)
    finally:
        for path in {upload, drawn}:
            path.unlink(missing_ok=True)
    app_instance().on_save_label(image, saved)
    return {"image": image, "label": saved}


def update_image_info(image: str, info: Annotated[str, Form()] = "{}") -> None:
    """Note something of an image."""
    _check_held(_datastore(), image)
    _datastore().update_image_info(image, json_object(info))


def update_label_info(label: str, tag: str, info: Annotated[str, Form()] = "{}") -> None:
    """Note something of a label."""
    _datastore().update_label_info(label, checked_tag(tag), json_object(info))


def update_label_info_of_old(label: str, tag: str, params: Annotated[str, Form()] = "{}") -> None:
    """The same under its earlier name."""
    update_label_info(label, tag, params)


def download_dataset(background_tasks: BackgroundTasks, limit_cases: int | None = None) -> FileResponse:
    """All labelled images with their labels as a ZIP archive."""
    held = _datastore()
    if not held.datalist():
        raise ServiceError(404, "not_found", "No image has a final label yet.")
    archive = Path(held.get_dataset_archive(limit_cases))
    background_tasks.add_task(archive.unlink, missing_ok=True)
    return FileResponse(archive, media_type="application/zip", filename="dataset.zip")


def _datastore() -> Datastore:
    held: Datastore = app_instance().datastore()
    return held


def _check_held(held: Datastore, image: str) -> None:
    if image not in held.list_images():
        raise ServiceError(404, "not_found", "The datastore holds no such image.")
