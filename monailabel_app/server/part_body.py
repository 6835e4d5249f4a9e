"""Taking one part of an upload: as it arrives, off the threads that answer everything else, kept whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from fastapi import Request

from monailabel_app.server.service_config import ServiceConfig
from monailabel_app.server.service_errors import ServiceError, not_found, queue_full, too_large, unprocessable
from monailabel_app.server.sessions import Session
from monailabel_app.server.studies import Upload

WRITERS = 4


class PartReceiver:
    """Receives parts. Its own few threads write and verify, so that uploads never take those of clicks."""

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self._writers = anyio.CapacityLimiter(WRITERS)

    async def receive(self, request: Request, session: Session, upload: Upload, number: int) -> list[int]:
        """Read the body of part `number` and keep it; returns the parts still missing.

        404 no such part, 411 no length, 413 or 422 a wrong one, 429 too many at once, 507 no space. ClientDisconnect when the
        client went away: nothing of the part is kept then.
        """
        if number >= upload.spec.parts:
            raise not_found("part")
        expected = upload.spec.part_length(number)
        self._check_length(request.headers.get("content-length"), expected)
        with self._one_of_few(session):
            data = bytearray()
            async for chunk in request.stream():
                data += chunk
                if len(data) > expected:
                    break
            if len(data) != expected:
                raise unprocessable("The part is not as long as it was declared; send it again.")
            return await anyio.to_thread.run_sync(upload.put, number, data, limiter=self._writers)

    def _check_length(self, declared: str | None, expected: int) -> None:
        if declared is None or not declared.isdigit():
            raise ServiceError(411, "length_required", "Send the part with its Content-Length.")
        if int(declared) > self._config.part_bytes:
            raise too_large(f"A part holds at most {self._config.part_bytes} bytes.")
        if int(declared) != expected:
            raise unprocessable("The part is not as long as it was declared; send it again.")

    @contextmanager
    def _one_of_few(self, session: Session) -> Iterator[None]:
        with session.lock:
            if session.parts_in_flight >= self._config.parts_at_once:
                raise queue_full()
            session.parts_in_flight += 1
        try:
            yield
        finally:
            with session.lock:
                session.parts_in_flight -= 1
