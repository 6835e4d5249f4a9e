"""`/asap/v1` over HTTP: one function per route, no work of its own.

Plain functions run in the pool of threads; those that wait or stream are coroutines and hold none.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response, Security

from monailabel_app.server.asap_route import AsapRoute, SessionId, bearer, refusals
from monailabel_app.server.job_routes import job_routes
from monailabel_app.server.schemas import Health, Info, SessionAnswer, SessionRequest
from monailabel_app.server.service import Service
from monailabel_app.server.study_routes import study_routes

PREFIX = "/asap/v1"


def asap_router(service: Service) -> APIRouter:
    """The router of one service. Tokens, hosts and sizes are checked in front of it; it documents them."""
    router = APIRouter(prefix=PREFIX, tags=["asap"], route_class=AsapRoute)

    @router.get("/health", response_model=Health)
    async def health() -> dict[str, str]:
        """Whether the server answers. Needs no token and tells nothing else."""
        return {"status": "ok"}

    guarded = [Security(bearer)]
    router.include_router(_server_routes(service), dependencies=guarded)
    router.include_router(study_routes(service), dependencies=guarded)
    router.include_router(job_routes(service), dependencies=guarded)
    return router


def _server_routes(service: Service) -> APIRouter:
    router = APIRouter(route_class=AsapRoute)

    @router.get("/info", response_model=Info, responses=refusals(422))
    def info() -> dict[str, Any]:
        """What this server is, holds and takes."""
        return service.info()

    @router.post("/sessions", status_code=201, response_model=SessionAnswer, responses=refusals(400, 422, 503))
    def open_session(request: SessionRequest) -> dict[str, Any]:
        """Open a session, which owns all that is made under it."""
        session = service.sessions.open(request.liveness_s)
        return {"session": session.id, "liveness_s": session.liveness_s, "idle_s": service.config.idle_s}

    @router.put("/sessions/current", response_model=SessionAnswer, responses=refusals(404, 422))
    def heartbeat(session_id: SessionId) -> dict[str, Any]:
        """Say that the client lives; a session that is only kept alive still ends after idle_s."""
        session = service.sessions.beat(session_id)
        return {"session": session.id, "liveness_s": session.liveness_s, "idle_s": service.config.idle_s}

    @router.delete("/sessions/current", status_code=204, responses=refusals(404, 422))
    def close_session(session_id: SessionId) -> Response:
        """End the session: its jobs are cancelled, its files and features removed."""
        service.close_session(service.sessions.get(session_id))
        return Response(status_code=204)

    return router
