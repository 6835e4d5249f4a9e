"""`asap serve`: hand over to the server, which is a program of its own in the same environment."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from asap import limits
from asap.errors import InputError


@dataclass(frozen=True)
class Serve:
    """Host the models for 3D Slicer, MONAI Label clients and the command line."""

    studies: Annotated[str | None, arg(metavar="DIR|URL")] = None
    """Folder with studies, or the address of a DICOMweb server. Without it, clients bring their own volumes."""
    host: Annotated[str, arg(metavar="ADDRESS")] = "127.0.0.1"
    """Address to listen on. Others than loopback need --token-file and either --tls-cert with --tls-key or --behind-proxy."""
    port: Annotated[int, arg(metavar="N")] = 8000
    """Port to listen on; 0 takes a free one."""
    models: Annotated[tuple[str, ...], arg(metavar="NAME")] = ("asap-mini",)
    """Models to offer, the default one first: names, or folders with weights; of a fine-tuned UNETR the labels are offered."""
    token_file: Annotated[Path | None, arg(metavar="FILE")] = None
    """File with the token clients must show; made when missing. Without it, one in the user's configuration folder."""
    admin_token_file: Annotated[Path | None, arg(metavar="FILE")] = None
    """File with the administrator's token; made when missing. Without it, nobody may delete, train or take the dataset."""
    cache: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder that keeps the encoded cases of the server's own studies between starts. Without it they go with the server."""
    allow_host: Annotated[tuple[str, ...], arg(metavar="NAME")] = ()
    """Further host names under which clients reach this server."""
    allow_origin: Annotated[tuple[str, ...], arg(metavar="URL")] = ()
    """Web pages that may call this server, for instance http://localhost:3000 for OHIF."""
    open_loopback: bool = False
    """Let programs on this machine read the datastore and infer on MONAI Label's own routes without the token."""
    turn_on: Annotated[tuple[str, ...], arg(metavar="NAME")] = ()
    """Routes of MONAI Label that are off by default: reload (for the administrator), dicom-proxy (questions to the archive)."""
    sessions: Annotated[int, arg(metavar="N")] = limits.MAX_SESSIONS
    """Most sessions open at the same time."""
    tls_cert: Annotated[Path | None, arg(metavar="FILE")] = None
    """Certificate chain (PEM)."""
    tls_key: Annotated[Path | None, arg(metavar="FILE")] = None
    """Private key of the certificate (PEM)."""
    behind_proxy: bool = False
    """A proxy in front of this server encrypts the connections."""


def server_arguments(command: Serve) -> list[str]:
    """The same command as words for `python -m monailabel_app.serve`."""
    words: list[str] = []
    for field in fields(command):
        value = getattr(command, field.name)
        flag = "--" + field.name.replace("_", "-")
        if value in (None, ()) or value is False:
            continue
        if value is True:
            words.append(flag)
        elif isinstance(value, tuple):
            words += [flag, *value]
        else:
            words += [flag, str(value)]
    return words


def serve(command: Serve) -> int:
    """Become the server. Raises InputError where it is not installed."""
    if importlib.util.find_spec("monailabel") is None or importlib.util.find_spec("monailabel_app") is None:
        raise InputError("The server is not installed; install it with: pip install 'asap-ct[server]'")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "monailabel_app.serve", *server_arguments(command)])
