"""The server's address as a person types it, made into an origin; and the proxy on the way to it, if there is one."""

from __future__ import annotations

import base64
import ipaddress
import urllib.parse
from dataclasses import dataclass

from .errors import BadAddress

LISTEN_ONLY = {"0.0.0.0", "::"}
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """Where the server is. `path` is the prefix a reverse proxy may add, without a slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def tls(self) -> bool:
        """Whether the way to the server is encrypted."""
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this computer; such requests never go through a proxy."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def host_header(self) -> str:
        """The Host header: brackets around IPv6, the port unless it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class HttpProxy:
    """A proxy that tunnels to other hosts. authorisation: value of Proxy-Authorization, or None."""

    host: str
    port: int
    authorisation: str | None


def parse_address(url: str) -> Address:
    """The address of a server. Without a scheme it is taken as http://. Raises BadAddress with the sentence to show."""
    typed = url.strip()
    if not typed:
        raise BadAddress("No server address was given.", "Enter one such as http://127.0.0.1:8000.")
    if "://" not in typed:
        typed = "http://" + typed
    try:
        parts = urllib.parse.urlsplit(typed)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadAddress("The server address cannot be read.", "Enter one such as http://127.0.0.1:8000.") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise BadAddress(
            "The server address starts with neither http:// nor https://.", "Enter one such as http://127.0.0.1:8000."
        )
    if not host or not _printable(host + parts.path) or port == 0:
        raise BadAddress("The server address has no usable host name.", "Enter one such as http://127.0.0.1:8000.")
    port = port or DEFAULT_PORTS[parts.scheme]
    if host in LISTEN_ONLY:
        raise BadAddress(
            f"{host} is the address a server listens on, not one it can be reached at.",
            f"Enter http://127.0.0.1:{port} when the server runs on this computer, else the server's name.",
        )
    if parts.username or parts.password:
        raise BadAddress(
            "The server address holds a user name or password.", "Leave them out and enter the server's token instead."
        )
    if parts.query or parts.fragment:
        raise BadAddress("The server address has something after its path.", "Leave out everything from the ? or # on.")
    return Address(parts.scheme, host, port, parts.path.rstrip("/"))


def proxy_for(address: Address) -> HttpProxy | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or the system's settings, name for the address; None on loopback."""
    if address.is_loopback:
        return None
    import urllib.request  # noqa: PLC0415 - slow to import, and loopback needs none of it

    url = urllib.request.getproxies().get(address.scheme)
    if not url or urllib.request.proxy_bypass(f"{address.host}:{address.port}"):
        return None
    try:
        parts = urllib.parse.urlsplit(url if "://" in url else "http://" + url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme != "http":
        raise BadAddress(
            "The proxy in this computer's settings cannot be used.",
            "Give it as http://HOST:PORT in HTTPS_PROXY or HTTP_PROXY, or list the server's name in NO_PROXY.",
        )
    authorisation = None
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        authorisation = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    return HttpProxy(host, port, authorisation)


def _printable(value: str) -> bool:
    return value.isascii() and all(33 <= ord(letter) <= 126 for letter in value)
