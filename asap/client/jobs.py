"""Running one job on the server: submit, follow its events, fetch the result; a cancel frees the worker."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from . import checks, failures
from .connection import Request
from .errors import Cancelled, ClientError, JobFailed, ServerUnreachable
from .protocol import PREFIX, CancelFlag, Progress, ProgressCall
from .transport import Transport, wait
from .wire import to_json

WAIT_S = 0.5  # an answer that is ready in this time comes with the first request
GRACE_S = 0.8  # after a cancel, for the number of the job that is to be stopped
RELEASE_S = 0.8
STREAM_BREAKS = 4
PAUSE_S = 0.2  # the server keeps a job nobody watches for one second
RESULT_BYTES = 2**26


def run_job(
    transport: Transport,
    session: Mapping[str, str],
    study: str,
    question: Mapping[str, Any],
    *,
    progress: ProgressCall | None,
    cancel: CancelFlag | None,
) -> Any:
    """The JSON result of a job. session: headers that name the session.

    Raises Cancelled (by the caller, or superseded), JobFailed, and what `Transport.ask` raises.
    """
    request = Request(
        "POST",
        f"{PREFIX}/studies/{study}/jobs",
        to_json(question),
        {"Content-Type": "application/json", **session},
        repeatable=False,
        limit=RESULT_BYTES,
    )
    _, value = transport.json(request, cancel=cancel, grace_s=GRACE_S)
    answer = checks.mapping(value, "job")
    if answer.get("state") == "done":
        return answer.get("result")
    job = checks.hex_id(answer.get("job"), "job")
    try:
        _tell_queued(answer.get("position"), progress)
        _follow(transport, session, job, progress, cancel)
        result = Request("GET", f"{PREFIX}/jobs/{job}/result", b"", session, limit=RESULT_BYTES)
        return transport.json(result, cancel=cancel)[1]
    except JobFailed:
        raise
    except BaseException:
        _release(transport, session, job)
        raise


def _follow(
    transport: Transport, session: Mapping[str, str], job: str, progress: ProgressCall | None, cancel: CancelFlag | None
) -> None:
    """Pass events on until the job is done. A stream that breaks is asked for again; events told already are not told twice."""
    request = Request("GET", f"{PREFIX}/jobs/{job}/events", b"", {**session, "Accept": "application/x-ndjson"})
    told = breaks = 0
    while breaks < STREAM_BREAKS:
        number = 0
        for event in transport.events(request, cancel):
            kind = event.get("event")
            if kind == "alive":
                continue
            if _is_last(kind, event):
                return
            number += 1
            if number > told:
                told, breaks = number, 0
                _tell(kind, event, progress)
        breaks += 1
        wait(PAUSE_S, cancel)
    raise ServerUnreachable(
        "The connection to the server broke several times.", "See whether the server still runs, then try again."
    )


def _is_last(kind: Any, event: Mapping[str, Any]) -> bool:
    if kind == "failed":
        code, message = failures.error_of(event.get("error"))
        raise JobFailed(message, code=code)
    if kind == "cancelled":
        raise Cancelled("The work was stopped: a newer request took its place, or the case was closed.")
    return bool(kind == "done")


def _tell(kind: Any, event: Mapping[str, Any], progress: ProgressCall | None) -> None:
    if kind == "queued":
        _tell_queued(event.get("position"), progress)
    elif progress is None:
        return
    elif kind == "progress":
        stage = checks.text(event.get("stage"), "event.stage", at_most=200)
        progress(Progress(stage, checks.optional_number(event.get("share"), "event.share", least=0.0, most=1.0)))
    elif kind == "notice":
        progress(Progress(checks.text(event.get("message"), "event.message", at_most=1000)))
    elif kind == "started":
        progress(Progress("started"))
    # A later version of the server may tell more; what is not known here is not needed here.


def _tell_queued(position: Any, progress: ProgressCall | None) -> None:
    place = checks.whole(position, "position")
    if progress is not None:
        progress(Progress("waiting", queue_position=place))


def _release(transport: Transport, session: Mapping[str, str], job: str) -> None:
    """Tell the server that nobody waits for the job. On a thread of its own: a server that is gone must not hold the caller."""

    def delete() -> None:
        try:
            transport.ask(Request("DELETE", f"{PREFIX}/jobs/{job}", b"", session))
        except ClientError:
            return  # the server ends a job nobody watches by itself

    thread = threading.Thread(target=delete, daemon=True, name="asap-cancel")
    thread.start()
    thread.join(RELEASE_S)
