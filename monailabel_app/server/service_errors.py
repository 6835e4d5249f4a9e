"""Errors as `/asap/v1` answers them: a status, a code that programs read, one sentence, and a number for the log."""

from __future__ import annotations

import errno
import secrets
from typing import Any

from asap.errors import AsapError, InputError, LimitError, NotChestError, OutputError
from asap.inference.memory import is_out_of_memory

RETRY_AFTER_S = 5
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ServiceError(Exception):
    """One refusal. retry_after_s goes into the Retry-After header of 429 and 503."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
        self.id = secrets.token_hex(4)

    def body(self) -> dict[str, Any]:
        """The JSON body of every error."""
        return {"error": {"code": self.code, "message": self.message, "id": self.id}}

    def headers(self) -> dict[str, str]:
        """Retry-After where waiting helps."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


def session_gone() -> ServiceError:
    """An expired, foreign or invented session: one answer for all three."""
    return ServiceError(404, "session_gone", "The server no longer holds this session; open the case again.")


def not_found(what: str) -> ServiceError:
    """A foreign or unknown study, job or model: one answer for both."""
    return ServiceError(404, "not_found", f"There is no such {what} in this session.")


def conflict(message: str) -> ServiceError:
    """The request is right but comes at the wrong time."""
    return ServiceError(409, "conflict", message)


def too_large(message: str) -> ServiceError:
    """More bytes than the limits allow."""
    return ServiceError(413, "too_large", message)


def unprocessable(message: str, code: str = "unprocessable") -> ServiceError:
    """The content cannot be used."""
    return ServiceError(422, code, message)


def queue_full() -> ServiceError:
    """The bounded queue has no place for this session now."""
    return ServiceError(429, "queue_full", "The server is busy; try again in a few seconds.", retry_after_s=RETRY_AFTER_S)


def out_of_memory() -> ServiceError:
    """The last rung of the ladder."""
    return ServiceError(
        503, "out_of_memory", "The server ran out of memory for this case; try again in a moment.", retry_after_s=RETRY_AFTER_S
    )


def insufficient_storage() -> ServiceError:
    """The disk is full; nothing was kept of what was being written."""
    return ServiceError(
        507, "insufficient_storage", "The server has no disk space left for this case; free some and send it again."
    )


def as_service_error(error: Exception) -> ServiceError:
    """Any exception as an answer. What we did not foresee becomes "internal" and says nothing of its cause."""
    if isinstance(error, ServiceError):
        return error
    if is_out_of_memory(error):
        return out_of_memory()
    if isinstance(error, OutputError) or (isinstance(error, OSError) and error.errno in DISK_FULL):
        return insufficient_storage()
    if isinstance(error, AsapError):
        status, code = next((answer for kind, answer in _ANSWERS.items() if isinstance(error, kind)), (500, "internal"))
        return ServiceError(status, code, str(error))
    return ServiceError(500, "internal", "Something went wrong in the server; its log names this error by the id given here.")


def while_reading(error: BaseException | None) -> ServiceError | None:
    """What stopped a request's body, where FastAPI says only that it was stopped: a slow client, a full disk, or unknown."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return insufficient_storage()
    return error if isinstance(error, ServiceError) else None


# The first that fits: the special before the general.
_ANSWERS: dict[type[AsapError], tuple[int, str]] = {
    NotChestError: (422, "not_chest"),
    LimitError: (413, "too_large"),
    InputError: (422, "unprocessable"),
}
