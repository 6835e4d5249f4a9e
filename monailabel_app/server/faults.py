"""Errors of MONAI Label's routes as our JSON: never a value of the request, never a path."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from monailabel.interfaces.exception import ImageNotFoundException, LabelNotFoundException, MONAILabelException
from starlette.exceptions import HTTPException

from asap.errors import AsapError
from monailabel_app.server.service_errors import ServiceError, while_reading

_BY_STATUS = {
    400: ("bad_request", "The request cannot be understood."),
    404: ("not_found", "The server holds no such thing."),
    405: ("bad_request", "This route does not answer to this method."),
    422: ("unprocessable", "A field of the request is missing, unknown or of the wrong kind."),
    429: ("queue_full", "The server is busy; try again in a few seconds."),
}


def answer_faults(app: FastAPI) -> None:
    """Put our answers in place of FastAPI's and MONAI Label's."""
    for kind in (RequestValidationError, HTTPException, ServiceError, AsapError, MONAILabelException, MemoryError, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    known = request.scope["asap_reply"].note(_translated(error))
    return JSONResponse(known.body(), known.status, known.headers())


def _translated(error: Exception) -> Exception:
    if isinstance(error, RequestValidationError):
        return ServiceError(422, *_BY_STATUS[422])
    if isinstance(error, ImageNotFoundException | LabelNotFoundException):
        return ServiceError(404, "not_found", "The datastore holds no such image or label.")
    if isinstance(error, MONAILabelException):
        return ServiceError(422, "unprocessable", "MONAI Label cannot carry out this request; check its names and values.")
    if isinstance(error, HTTPException) and error.status_code in _BY_STATUS:
        return while_reading(error.__cause__) or ServiceError(error.status_code, *_BY_STATUS[error.status_code])
    return error
