"""`POST /infer/{model}` for stock clients: a written list of parameters, images by id only, a place in the server's one queue."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from fastapi import BackgroundTasks, File, Form, UploadFile
from fastapi.responses import FileResponse, JSONResponse, Response
from monailabel.interfaces.utils.app import app_instance
from requests_toolbelt import MultipartEncoder

from asap import limits
from monailabel_app.server.service_errors import ServiceError
from monailabel_app.server.stock_names import checked_extension, json_object, stored_upload
from monailabel_app.server.stock_sessions import session_image

# What MONAI Label's clients add on their own; none of it changes an answer.
IGNORED_KEYS = frozenset({"client_id", "result_dtype", "label_info", "description", "model", "reset_state"})
MAX_PARAMS_CHARS = 8 * limits.MAX_REPORT_CHARS


class Output(StrEnum):
    """What of the answer is wanted."""

    image = "image"
    json = "json"
    all = "all"


def run_inference(  # noqa: PLR0917 - FastAPI passes them by name
    background_tasks: BackgroundTasks,
    model: str,
    image: str = "",
    session_id: str = "",
    params: Annotated[str, Form()] = "{}",
    file: Annotated[UploadFile | None, File()] = None,
    output: Output | None = None,
) -> Response:
    """Answer what `params` ask of a model about the image of a datastore id, a session, or the uploaded file."""
    app = app_instance()
    if model not in app.info()["models"]:
        raise ServiceError(404, "not_found", "The server offers no such model; see /info/.")
    asked = json_object(params, MAX_PARAMS_CHARS)
    used: frozenset[str] = app.parameters(model)
    others = asked.keys() - used - IGNORED_KEYS
    if others and not app.takes_points_by_name(model):
        raise ServiceError(422, "unprocessable", f"Parameters may be: {', '.join(sorted(used))}.")
    request = {"model": model, **{key: asked[key] for key in asked.keys() & used}}
    if others:  # kept apart: a label may be called anything
        request["points_by_name"] = {key: asked[key] for key in asked if key in others}
    request["labels_wanted"] = output is not Output.json  # drawing and packing them takes seconds
    answer = _infer(app, request, image, session_id, file)
    labels = Path(answer["file"]) if answer["file"] else None
    if labels is not None:
        background_tasks.add_task(labels.unlink, missing_ok=True)
    return _response(answer["params"], labels, output)


def _infer(app: Any, request: dict[str, Any], image: str, session_id: str, file: UploadFile | None) -> dict[str, Any]:
    if file is not None:
        upload = stored_upload(file, checked_extension(file))
        try:
            answer: dict[str, Any] = app.infer({**request, "image": str(upload), "private": True})
        finally:
            upload.unlink(missing_ok=True)
            app.forget_missing()
        return answer
    if session_id:
        return dict(app.infer({**request, "image": session_image(session_id), "private": True}))
    if image not in app.datastore().list_images():
        raise ServiceError(404, "not_found", "The datastore holds no such image; see /datastore/?output=all.")
    return dict(app.infer({**request, "image": str(app.datastore().image_path(image))}))


def _response(document: dict[str, Any], labels: Path | None, output: Output | None) -> Response:
    if output is Output.json or (labels is None and output is not Output.image):
        return JSONResponse(document)
    if labels is None:
        raise ServiceError(422, "unprocessable", "There is nothing to show, so there is no image; ask for output=json.")
    if output is Output.image:
        return FileResponse(labels, media_type="application/octet-stream", filename=labels.name)
    fields = {
        "params": (None, JSONResponse(document).body, "application/json"),
        "image": (labels.name, labels.read_bytes(), "application/octet-stream"),
    }
    parts = MultipartEncoder(fields=fields)
    return Response(parts.to_string(), media_type=parts.content_type)
