"""`/asap/v1` over HTTP: one function per route, no work of its own."""

from __future__ import annotations

from fastapi import APIRouter

from monailabel_app.server.service import Service

PREFIX = "/asap/v1"


def asap_router(service: Service) -> APIRouter:
    """The router of one service."""
    router = APIRouter(prefix=PREFIX, tags=["asap"])

    @router.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return router
