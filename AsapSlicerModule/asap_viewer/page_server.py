"""Who may open the page: loopback only, under a path nobody can guess, for requests of the page itself.

Another user of this machine, or a web page open in the same browser, knows the port at most. The address printed in the terminal
holds the secret path; the one given to the browser on its command line, which others can list, holds a ticket that works once.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from trame_client.module import vue3

LOOPBACK = "127.0.0.1"
KEY_BYTES = 24  # as hexadecimal digits: the trame client writes addresses in lower case
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'self'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
REFUSED = "This address is not the one the work bench gave out. Open the address that `asap view` printed in its terminal."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageServer:
    """Puts a trame server behind a secret path. Call `guard()` before the trame server starts."""

    def __init__(self, trame_server: Any) -> None:
        self._trame = trame_server
        self._key = secrets.token_hex(KEY_BYTES)
        self._ticket: str | None = secrets.token_hex(KEY_BYTES)

    @property
    def address(self) -> str:
        """Where the page is, for the person at the terminal."""
        return f"http://{LOOPBACK}:{self._trame.port}/{self._key}/index.html"

    @property
    def ticket_address(self) -> str:
        """Leads to `address` once; safe on a command line."""
        return f"http://{LOOPBACK}:{self._trame.port}/open/{self._ticket}"

    def guard(self) -> None:
        """Move everything the trame server offers under the secret path and check every request."""
        self._trame.cli.set_defaults(ws=f"{self._key}/ws", nowscompress=True, host=LOOPBACK)
        self._trame.controller.on_server_start.add(self._move_files)
        self._trame.controller.on_server_bind.add(self._add_checks)

    def _move_files(self, trame_server: Any) -> None:
        files = {f"{self._key}/{name}": folder for name, folder in trame_server.serve.items()}
        trame_server.serve.clear()
        trame_server.serve.update({self._key: vue3.www, **files})

    def _add_checks(self, wslink_server: Any) -> None:
        wslink_server.app.router.add_post(f"/{self._key}/paraview/", self._launch)
        wslink_server.app.middlewares.append(self._checked)

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        own_hosts = {f"{name}:{self._trame.port}" for name in (LOOPBACK, "localhost")}
        origin = request.headers.get("Origin")
        foreign = request.host not in own_hosts or (origin is not None and urlsplit(origin).netloc not in own_hosts)
        parts = request.path.split("/")
        if not foreign and len(parts) == 3 and parts[1] == "open" and self._spend(parts[2]):
            return web.HTTPSeeOther(self.address, headers=SECURITY_HEADERS)
        if foreign or not hmac.compare_digest(parts[1].encode(), self._key.encode()):
            return web.Response(status=403, text=REFUSED, headers=SECURITY_HEADERS)
        try:
            response = await handler(request)
        except ConnectionResetError:  # the tab was closed while something was on its way to it
            return web.Response(status=400)
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
        return response

    async def _launch(self, _request: web.Request) -> web.Response:
        """The trame client asks a launcher for the address of its session before it tries the usual one; it is this server."""
        return web.json_response({"sessionURL": f"ws://{LOOPBACK}:{self._trame.port}/{self._key}/ws"})

    def _spend(self, ticket: str) -> bool:
        if self._ticket is None or not hmac.compare_digest(ticket.encode(), self._ticket.encode()):
            return False
        self._ticket = None
        return True
