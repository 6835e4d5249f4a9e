"""What the server is told at start, checked before anything is opened."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from asap.commands.serve import Serve
from asap.errors import InputError
from monailabel_app.server.policies import SWITCHES, Switch

GUARDED = "guarded"  # entry of the app's configuration that says that our guards stand in front of it
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ServerSettings:
    """A checked `Serve`. hosts: names a Host header may carry; origins: pages that may call; loopback: whether only this
    machine reaches the server.
    """

    studies: str | None
    host: str
    port: int
    models: tuple[str, ...]
    token_file: Path
    admin_token_file: Path | None
    cache: Path | None
    hosts: frozenset[str]
    origins: frozenset[str]
    open_loopback: bool
    turned_on: frozenset[Switch]
    sessions: int
    tls: tuple[Path, Path] | None
    loopback: bool

    @property
    def dicomweb(self) -> bool:
        """Whether the studies are behind a DICOMweb address."""
        return is_url(self.studies)

    @property
    def url(self) -> str:
        """Where a client on this machine finds the server."""
        scheme = "https" if self.tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


def is_url(studies: str | None) -> bool:
    """Whether the studies are named by an address rather than a folder."""
    return studies is not None and studies.startswith(("http://", "https://"))


def default_token_file() -> Path:
    """The user's own token: ~/.config/asap/token, or below XDG_CONFIG_HOME."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "asap" / "token"


def checked(command: Serve) -> ServerSettings:
    """The settings of a command. Raises InputError with what to do instead."""
    if not 0 <= command.port <= 65535:
        raise InputError("A port lies between 0 and 65535.")
    if not command.models:
        raise InputError("Name at least one model with --models.")
    if command.sessions < 1:
        raise InputError("--sessions must be at least 1.")
    if (command.tls_cert is None) != (command.tls_key is None):
        raise InputError("Give --tls-cert and --tls-key together.")
    tls = (command.tls_cert, command.tls_key) if command.tls_cert and command.tls_key else None
    if tls and not all(path.is_file() for path in tls):
        raise InputError("The certificate or its key is not a readable file.")
    loopback = is_loopback(command.host)
    _check_reach(command, loopback=loopback, encrypted=tls is not None or command.behind_proxy)
    if command.studies is not None and not is_url(command.studies) and not Path(command.studies).is_dir():
        raise InputError("The studies folder does not exist; make it first, or give the address of a DICOMweb server.")
    return ServerSettings(
        studies=command.studies,
        host=command.host,
        port=command.port,
        models=tuple(dict.fromkeys(command.models)),
        token_file=command.token_file or default_token_file(),
        admin_token_file=command.admin_token_file,
        cache=command.cache,
        hosts=frozenset(name.lower() for name in (*LOOPBACK_NAMES, command.host, *command.allow_host)),
        origins=frozenset(_origin(text) for text in command.allow_origin),
        open_loopback=command.open_loopback,
        turned_on=_switches(command),
        sessions=command.sessions,
        tls=tls,
        loopback=loopback,
    )


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_reach(command: Serve, *, loopback: bool, encrypted: bool) -> None:
    if command.open_loopback and (command.behind_proxy or not loopback):
        raise InputError("--open-loopback is for servers on 127.0.0.1 only, with no proxy in front, which brings others.")
    if loopback:
        return
    if command.token_file is None:
        raise InputError(
            "This address can be reached from other machines: name the token they must show with --token-file, or use 127.0.0.1."
        )
    if not encrypted:
        raise InputError(
            "Other machines would send studies and the token unencrypted: "
            "give --tls-cert and --tls-key, or --behind-proxy where a proxy does that."
        )


def _switches(command: Serve) -> frozenset[Switch]:
    found = frozenset(switch for switch in SWITCHES if switch in command.turn_on)
    if len(found) != len(set(command.turn_on)):
        raise InputError(f"--turn-on knows {' and '.join(SWITCHES)}.")
    if "reload" in found and command.admin_token_file is None:
        raise InputError("--turn-on reload is for the administrator: name a token for that with --admin-token-file.")
    if "dicom-proxy" in found and not is_url(command.studies):
        raise InputError("--turn-on dicom-proxy needs an archive to ask: give its address with --studies.")
    return found


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
        raise InputError("An origin is a scheme and a host, for instance http://localhost:3000.")
    return f"{parts.scheme}://{parts.netloc}".lower()
