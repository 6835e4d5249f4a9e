"""MONAI Label's own way to sign in, so that its Slicer module works with our token: any user name, the token as the password."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form

from monailabel_app.server.auth import Tokens
from monailabel_app.server.service_errors import ServiceError


def auth_router(tokens: Tokens) -> APIRouter:
    """The three routes MONAI Label's clients know."""
    router = APIRouter(prefix="/auth", tags=["Auth"])

    @router.get("/")
    async def enabled() -> dict[str, Any]:
        return {"enabled": True, "client_id": "", "realm": ""}

    @router.post("/token")
    async def token(password: Annotated[str, Form()]) -> dict[str, str]:
        if tokens.role(password) == "nobody":
            raise ServiceError(401, "unauthorised", "The password is the token from the server's token file.")
        return {"access_token": password, "token_type": "Bearer"}

    @router.get("/token/valid")
    async def valid() -> dict[str, Any]:
        return {"username": "user", "roles": []}

    return router
