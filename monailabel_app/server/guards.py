"""The guards in front of every route: host, origin, token, route table, body size and speed, headers, errors, access log.

Pure ASGI, so that streams pass unbuffered and nothing of a refused request is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from monailabel_app.server.auth import Role, Tokens, bearer_token
from monailabel_app.server.log import ACCESS, where
from monailabel_app.server.policies import Match, find_rule
from monailabel_app.server.service_errors import ServiceError, as_service_error
from monailabel_app.server.settings import LOOPBACK_NAMES, ServerSettings

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

LOG = logging.getLogger("asap.server")
MAX_QUERY_BYTES = 2048
BODY_IDLE_S = 20.0
BODIED = ("POST", "PUT", "PATCH")
DRAIN_S = 2.0
DRAIN_BYTES = 16 * 2**20
BODY_BYTES_PER_S = 16 * 1024  # a body slower than this over its whole length is given up
ALWAYS: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
]
_FIXED = {name for name, _ in ALWAYS}
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, x-asap-session"),
    (b"access-control-max-age", b"600"),
]


class Guards:
    """Wraps an ASGI application. Refusals are JSON in the form of `/asap/v1`, on MONAI Label's routes too."""

    def __init__(self, app: Application, settings: ServerSettings, tokens: Tokens) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's start and end."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError("Only HTTP is served.")
        body = TimedBody(receive, scope["method"], scope["headers"])
        reply = Reply(scope, body, send)
        try:
            await self._serve(scope, body, reply)
        except Exception as error:  # the last line of defence: a sentence for the client, the place for the log
            await reply.refuse(reply.note(error))
        finally:
            reply.log()

    async def _serve(self, scope: Scope, body: TimedBody, reply: Reply) -> None:
        try:
            origin = self._checked_origin(scope["headers"])
            reply.origin = origin
            if scope["method"] == "OPTIONS" and origin is not None:
                await reply.preflight()
                return
            match = self._admit(scope)
        except ServiceError as refusal:
            await reply.refuse(refusal)
            return
        reply.route = match.name
        inner = dict(scope)
        inner["path"] = match.path
        inner["raw_path"] = match.path.encode()
        # Origin is settled here (MONAI Label's own layer would echo any); partial content has no use for medical files.
        inner["headers"] = [(name, value) for name, value in scope["headers"] if name not in (b"origin", b"range")]
        inner["asap_reply"] = reply
        await self._app(inner, body.receive, reply.send)

    def _checked_origin(self, headers: Headers) -> bytes | None:
        """Host and Origin: against pages whose name was rebound to this machine, and pages of other places."""
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or _host_name(hosts[0]) not in self._settings.hosts:
            raise ServiceError(403, "forbidden", "This server does not answer under this name; add it with --allow-host.")
        origins = [value for name, value in headers if name == b"origin"]
        if not origins:
            if _header(headers, b"sec-fetch-site") in (b"cross-site", b"same-site"):
                raise ServiceError(403, "forbidden", "Pages of other sites may not call this server.")
            return None
        if len(origins) != 1 or origins[0].decode("latin-1").lower() not in self._settings.origins:
            raise ServiceError(403, "forbidden", "This page may not call the server; allow it with --allow-origin.")
        return origins[0]

    def _admit(self, scope: Scope) -> Match:
        headers: Headers = scope["headers"]
        match = find_rule(scope["method"], scope["path"], self._settings.turned_on)
        role = self._tokens.role(bearer_token(headers))
        if not self._may_pass(scope, match, role):
            raise ServiceError(401, "unauthorised", "Show the server's token: it lies in the file the server named at its start.")
        if match is None:
            raise ServiceError(404, "not_found", "There is no such route.")
        self._check_policy(match, role)
        if len(scope["query_string"]) > MAX_QUERY_BYTES:
            raise ServiceError(414, "query_too_long", f"The query is longer than {MAX_QUERY_BYTES} bytes; use the body.")
        _check_body(scope["method"], headers, match)
        return match

    def _may_pass(self, scope: Scope, match: Match | None, role: Role) -> bool:
        if role != "nobody" or (match is not None and match.rule.policy == "open"):
            return True
        local = self._settings.open_loopback and (scope.get("client") or ("",))[0] in LOOPBACK_NAMES
        return local and match is not None and match.rule.policy == "read"

    def _check_policy(self, match: Match, role: Role) -> None:
        if match.rule.policy == "off":
            raise ServiceError(403, "forbidden", "This route is off on this server.")
        if match.rule.policy == "admin" and role != "admin":
            raise ServiceError(403, "forbidden", "This route is for the administrator's token (see --admin-token-file).")


class Reply:
    """The one answer of a request: puts our headers on it, or sends a refusal if nothing was sent yet, and logs its line."""

    def __init__(self, scope: Scope, body: TimedBody, send: Send) -> None:
        self._send = send
        self._body = body
        self._method = scope["method"]
        self._start = time.monotonic()
        self._status = 0
        self._bytes = 0
        self._error_id = "-"
        self._ended = False
        self.route = "?"
        self.origin: bytes | None = None

    def note(self, error: Exception) -> ServiceError:
        """The answer to an error, logged once with its id and place if it is our fault."""
        known = as_service_error(error)
        if known.status >= 500 and self._error_id == "-":
            LOG.error("error %s: %s", known.id, where(error))
        self._error_id = known.id
        return known

    async def send(self, message: Message) -> None:
        """Pass a message of the application on."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in _FIXED]
            # A body nobody has read would stand between this answer and the next request.
            close: Headers = [] if self._body.whole else [(b"connection", b"close")]
            message = {**message, "headers": [*kept, *ALWAYS, *self._cors(), *close]}
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, refusal: ServiceError) -> None:
        """Answer with an error, unless an answer is under way."""
        if self._status:
            return
        self._error_id = refusal.id
        body = json.dumps(refusal.body()).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers().items()]
        if refusal.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"" if self._method == "HEAD" else body, "more_body": True})
        await self._body.drain()
        await self.send({"type": "http.response.body", "body": b""})

    async def preflight(self) -> None:
        """Tell an allowed page what it may send."""
        self.route = "preflight"
        await self.send({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
        await self.send({"type": "http.response.body", "body": b""})

    def log(self) -> None:
        """One line: only these fields, none of which a caller chooses."""
        took_ms = round(1000 * (time.monotonic() - self._start))
        method = self._method if self._method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS") else "?"
        end = "" if self._ended else " broken off"
        ACCESS.info("%s %s %d %d ms %d bytes %s%s", method, self.route, self._status, took_ms, self._bytes, self._error_id, end)

    def _cors(self) -> Headers:
        if self.origin is None:
            return []
        return [(b"access-control-allow-origin", self.origin), (b"vary", b"Origin")]


class TimedBody:
    """A request's body. One that pauses for too long, or trickles, is given up; the wait for a disconnect is not limited."""

    def __init__(self, receive: Receive, method: str, headers: Headers) -> None:
        length = _content_length(headers)
        self._receive = receive
        self._expected = method in BODIED
        self._deadline = time.monotonic() + BODY_IDLE_S + length / BODY_BYTES_PER_S
        self.whole = length == 0 and not _chunked(headers)

    async def receive(self) -> Message:
        """The next message of the client. Raises ServiceError 408 when it does not come in time."""
        if self.whole:
            return await self._receive()
        left = max(self._deadline - time.monotonic(), 0.5)
        try:
            message = await asyncio.wait_for(self._receive(), min(BODY_IDLE_S, left))
        except TimeoutError as error:
            raise ServiceError(408, "bad_request", "The request's body did not arrive in time.") from error
        self.whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Take what a refused client is still sending, within limits: it reads its answer only after it has sent all."""
        if not self._expected:
            return
        taken = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while not self.whole and taken < DRAIN_BYTES:
                    message = await self._receive()
                    taken += len(message.get("body", b""))
                    self.whole = message["type"] != "http.request" or not message.get("more_body", False)


def _check_body(method: str, headers: Headers, match: Match) -> None:
    if _chunked(headers):
        raise ServiceError(411, "length_required", "Send the body with its Content-Length, not in chunks.")
    # MONAI Label's client repeats the length of its last upload on requests that have no body: those are answered unread.
    if method in BODIED and _content_length(headers) > match.rule.body_bytes:
        raise ServiceError(413, "too_large", f"The body is larger than the {match.rule.body_bytes} bytes this route takes.")


def _chunked(headers: Headers) -> bool:
    return _header(headers, b"transfer-encoding") is not None


def _content_length(headers: Headers) -> int:
    """The declared length; h11 has refused anything that is not one number."""
    value = _header(headers, b"content-length")
    return int(value) if value and value.isdigit() else 0


def _header(headers: Headers, wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name == wanted), None)


def _host_name(value: bytes) -> str:
    """The host of a Host header, lower case, without its port and brackets."""
    text = value.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
