"""What can go wrong between this client and a server: each error names the cause and the next step in plain words.

Nothing here repeats tokens, paths, header values or report text (rule R7).
"""

from __future__ import annotations


class ClientError(Exception):
    """Root of all errors of this package. `str(error)` is the cause followed by the next step."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(f"{message} {next_step}".strip())
        self.message = message
        self.next_step = next_step


class BadAddress(ClientError):
    """The server's address cannot be used as it was typed."""


class ServerUnreachable(ClientError):
    """No answer: refused, name not found, too slow, certificate not trusted, or the connection broke."""


class CertificateRefused(ServerUnreachable):
    """The server's TLS certificate is not trusted on this computer."""


class Unauthorised(ClientError):
    """The token is missing or wrong, or the server refuses this host name or origin."""


class VersionMismatch(ClientError):
    """The server speaks another version of the protocol."""


class NotAsapServer(VersionMismatch):
    """Something answers at the address, but it is not an ASAP server."""


class TooLarge(ClientError):
    """The request is larger than the server takes."""


class ProxyError(ClientError):
    """Something between this client and the server answered in its place."""


class SessionGone(ClientError):
    """The server no longer holds this session and its cases; open the case again."""


class NotFound(ClientError):
    """The server does not know this case, job, image or model."""


class QueueFull(ClientError):
    """The server is busy; try again after `retry_after_s` seconds."""

    def __init__(self, message: str, next_step: str = "", *, retry_after_s: float) -> None:
        super().__init__(message, next_step)
        self.retry_after_s = retry_after_s


class RequestRefused(ClientError):
    """The server understood the request and declined it; `code` is the protocol's word for why."""

    def __init__(self, message: str, next_step: str = "", *, code: str) -> None:
        super().__init__(message, next_step)
        self.code = code


class JobFailed(ClientError):
    """The job ended with an error; `code` is the protocol's word for why, such as "not_chest" or "out_of_memory"."""

    def __init__(self, message: str, next_step: str = "", *, code: str) -> None:
        super().__init__(message, next_step)
        self.code = code


class Cancelled(ClientError):
    """The work was stopped: by the caller, or because a newer request took its place."""


class ProtocolError(ClientError):
    """An answer, a map or an upload that does not keep to the protocol; nothing of it was used."""

    def __init__(self, message: str, next_step: str = "Check that client and server are of the same version.") -> None:
        super().__init__(message, next_step)
