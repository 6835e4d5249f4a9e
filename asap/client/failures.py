"""From what happened on the network, or what the server answered, to the error a person can act on."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from . import checks
from .address import Address
from .errors import (
    CertificateRefused,
    ClientError,
    NotAsapServer,
    NotFound,
    ProtocolError,
    ProxyError,
    QueueFull,
    RequestRefused,
    ServerUnreachable,
    SessionGone,
    TooLarge,
    Unauthorised,
)

MAX_MESSAGE_CHARS = 500
LONGEST_RETRY_S = 3600.0
NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


class ProxyRefused(OSError):
    """The proxy would not open a tunnel; `status` is its answer."""

    def __init__(self, status: int) -> None:
        super().__init__("the proxy opened no tunnel")
        self.status = status


def from_exception(error: Exception, address: Address, *, connecting: bool) -> ClientError:  # noqa: PLR0911 - one a cause
    """The error for an exchange that had no answer. connecting: it failed before anything could be asked."""
    where = f"{address.host} port {address.port}"
    if isinstance(error, ProxyRefused):
        step = "Give its user name and password in HTTPS_PROXY." if error.status == 407 else "List the server's name in NO_PROXY."
        return ProxyError(f"The proxy in this computer's settings would not connect to the server (status {error.status}).", step)
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRefused(
            "The server's TLS certificate is not trusted on this computer.",
            "Set the CA file to the certificate of your hospital's authority, and use the name the certificate was made for.",
        )
    if isinstance(error, ssl.SSLError):
        return ServerUnreachable(
            "No encrypted connection could be made.", "If the server has no TLS, write http:// before its address."
        )
    if isinstance(error, socket.gaierror):
        return ServerUnreachable(
            f"The name {address.host} is not known on this network.", "Check its spelling and that the network or VPN is on."
        )
    if isinstance(error, TimeoutError) and connecting:
        return ServerUnreachable(f"Nothing answers at {where}.", "Check the address, and that no firewall is in between.")
    if isinstance(error, TimeoutError):
        return ServerUnreachable(
            "The server took the request but did not answer in time.", "See whether it is busy or stuck, then try again."
        )
    if isinstance(error, ConnectionRefusedError):
        return ServerUnreachable(f"No server runs at {where}.", "Start it with `asap serve`, or correct the address.")
    if isinstance(error, OSError) and error.errno in NO_ROUTE:
        return ServerUnreachable(f"There is no way to {address.host} from this computer.", "Check that the network or VPN is on.")
    if isinstance(error, http.client.HTTPException) and not isinstance(
        error, http.client.RemoteDisconnected | http.client.IncompleteRead
    ):
        return ProxyError(
            f"What answers at {where} does not speak HTTP.",
            "Check the port, and write https:// before the address if the server has TLS.",
        )
    return ServerUnreachable("The connection to the server broke.", "See whether the server still runs, then try again.")


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:  # noqa: PLR0911 - one a cause
    """The error for an answer that is not a success."""
    if 300 <= status < 400:
        return ProxyError(
            "The address leads elsewhere (a redirect), which is not followed so that your token stays where you sent it.",
            "Enter the server's final address.",
        )
    error = _error_object(body)
    if error is None:
        return _from_foreign(status)
    code, message = error
    if status == 401:
        return Unauthorised(
            "The server does not accept the token.", "Copy the token the server printed or saved when it started."
        )
    if status == 403:
        return Unauthorised(message, "Use the address the server printed when it started.")
    if code == "session_gone":
        return SessionGone("The server no longer holds this session.", "Open the case again.")
    if status in (404, 410):
        return NotFound(message)
    if status == 413:
        return TooLarge(message, "Crop or resample the volume, or send less text.")
    if status == 429 or (status == 503 and code != "out_of_memory"):
        wait_s = _retry_after_s(headers)
        return QueueFull(message, f"Try again in {wait_s:.0f} seconds.", retry_after_s=wait_s)
    if status == 500:
        return RequestRefused(message, "The server's log says more.", code=code)
    return RequestRefused(message, code=code)


def error_of(value: Any) -> tuple[str, str]:
    """(code, message) of an error object. Raises ProtocolError."""
    record = checks.mapping(value, "error")
    code = checks.text(record.get("code"), "error.code", at_most=100)
    message = checks.text(record.get("message"), "error.message")
    shown = "".join(letter if letter.isprintable() else " " for letter in message[:MAX_MESSAGE_CHARS]).strip()
    return code, shown or "The server gave no reason."


def _error_object(body: bytes) -> tuple[str, str] | None:
    try:
        return error_of(checks.mapping(checks.parse_json(body), "answer").get("error"))
    except ProtocolError:
        return None


def _from_foreign(status: int) -> ClientError:  # noqa: PLR0911 - one a cause
    """An error whose body is not this protocol's: something else than the server answered."""
    if status in (502, 503, 504):
        return ProxyError(
            f"A proxy answered {status} in place of the server.",
            "See whether the server runs behind it, and whether its time limit is long enough.",
        )
    if status == 401:
        return Unauthorised("A proxy, or another server than ASAP, asks for a login.", "Check the address and the token.")
    if status == 403:
        return Unauthorised("A proxy or firewall refuses the request.", "Ask the network's administrator to let it pass.")
    if status == 407:
        return ProxyError("The proxy asks for a login.", "Give its user name and password in HTTPS_PROXY.")
    if status == 413:
        return TooLarge(
            "A proxy in front of the server does not take requests of this size.", "Raise its body limit to 8 MiB or more."
        )
    if status == 404:
        return NotAsapServer("What answers at this address is not an ASAP server.", "Check the address and the port.")
    return ProxyError(f"The answer (status {status}) is not one of an ASAP server.", "Check the address and the port.")


def _retry_after_s(headers: Mapping[str, str]) -> float:
    value = headers.get("retry-after", "")
    return min(float(value), LONGEST_RETRY_S) if value.isascii() and value.isdigit() else 5.0
