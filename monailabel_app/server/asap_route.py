"""How every route of `/asap/v1` answers: its refusals in one form, its statuses written into the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Header, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from monailabel_app.server.schemas import ErrorBody
from monailabel_app.server.service_errors import ServiceError, as_service_error, while_reading

Answer = Callable[[Request], Coroutine[Any, Any, Response]]
Responses = dict[int | str, dict[str, Any]]

bearer = HTTPBearer(auto_error=False, scheme_name="token", description="The server's token.")

# Ids are not checked for their form: a malformed one is as unknown as a foreign one.
HEX_ID = {"pattern": "^[0-9a-f]{32}$"}
SessionId = Annotated[str, Header(alias="X-ASAP-Session", max_length=64, json_schema_extra=HEX_ID)]
StudyId = Annotated[str, Path(json_schema_extra=HEX_ID)]
JobId = Annotated[str, Path(json_schema_extra=HEX_ID)]

_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
_MEANINGS = {
    400: "Not readable as JSON.",
    401: "No token, or a wrong one.",
    403: "Foreign Host or Origin.",
    404: "No such thing in this session, or no such session.",
    408: "The body did not arrive in time.",
    409: "Not now: parts are missing, or the job is not finished.",
    411: "No Content-Length.",
    413: "Larger than the limits that `info` tells.",
    414: "The query is too long.",
    422: "The content cannot be used.",
    429: "The queue is full.",
    500: "A fault of the server.",
    503: "No room now.",
    507: "The disk is full.",
}
GUARDED = (401, 403, 408, 411, 413, 414, 500)


def refusals(*statuses: int) -> Responses:
    """The refusals of a route, with those that the guards in front of it may give."""
    return {
        status: {"model": ErrorBody, "description": _MEANINGS[status]}
        | ({"headers": _RETRY_AFTER} if status in (429, 503) else {})
        for status in sorted({*statuses, *GUARDED})
    }


class AsapRoute(APIRoute):
    """A route whose errors are the protocol's."""

    def get_route_handler(self) -> Answer:
        """FastAPI's handler, with every error turned into its answer."""
        answer = super().get_route_handler()

        async def answer_or_refuse(request: Request) -> Response:
            try:
                return await answer(request)
            except ClientDisconnect:
                raise
            except Exception as error:
                return _refusal(request, error)

        return answer_or_refuse


def _refusal(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        error = _validation_error(error)
    elif isinstance(error, HTTPException):  # FastAPI's for whatever happened while it read the body
        unreadable = ServiceError(400, "bad_request", "The body cannot be read as JSON.")
        error = while_reading(error.__cause__) or unreadable
    guards_reply = request.scope.get("asap_reply")  # logs the error's id with the request
    refusal = guards_reply.note(error) if guards_reply is not None else as_service_error(error)
    return JSONResponse(refusal.body(), refusal.status, refusal.headers())


def _validation_error(error: RequestValidationError) -> ServiceError:
    """Names the field, which is ours, never its value nor a key of the caller's."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return ServiceError(400, "bad_request", "The body cannot be read as JSON.")
    if first["type"] == "extra_forbidden":
        return ServiceError(422, "unprocessable", "The request has a key that the protocol does not know.")
    place = ".".join(str(part) for part in first["loc"])
    return ServiceError(422, "unprocessable", f"The request does not fit the protocol at {place}.")
