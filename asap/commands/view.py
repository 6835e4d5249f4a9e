"""`asap view`: hand over to the browser work bench, which is a program of its own in the same environment."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from asap.errors import InputError


@dataclass(frozen=True)
class View:
    """Review a report beside its chest CT in the browser: click a sentence, see where it is true."""

    volume: Positional[Annotated[Path | None, arg(metavar="VOLUME")]] = None
    """NIfTI, NRRD or a folder with one DICOM series. Without it, the page asks for one."""
    report: Annotated[Path | None, arg(metavar="FILE")] = None
    """Text file with the report."""
    server: Annotated[str | None, arg(metavar="URL")] = None
    """Address of a running server. Without it, one is started on this machine and ended with the page."""
    token_file: Annotated[Path | None, arg(metavar="FILE")] = None
    """File with the token of --server; by default the one in the user's configuration folder."""
    model: Annotated[str | None, arg(metavar="NAME")] = None
    """Name of a model of the server; by default the server's own choice."""
    port: Annotated[int, arg(metavar="N")] = 0
    """Port of the page on this machine; 0 takes a free one."""
    sample: bool = False
    """Show a generated CT with its report instead of a volume."""
    headless: Annotated[Path | None, arg(metavar="DIR")] = None
    """Write the views as pictures, one a sentence, and the answers as review.json to DIR, and exit. Needs a report."""
    no_browser: bool = False
    """Print the page's address and leave opening it to you."""


def view_arguments(command: View) -> list[str]:
    """The same command as words for `python -m asap_viewer`."""
    words = [] if command.volume is None else [str(command.volume)]
    for name in ("report", "server", "token_file", "model", "headless"):
        value = getattr(command, name)
        if value is not None:
            words += ["--" + name.replace("_", "-"), str(value)]
    if command.port:
        words += ["--port", str(command.port)]
    words += ["--" + name.replace("_", "-") for name in ("sample", "no_browser") if getattr(command, name)]
    return words


def view(command: View) -> int:
    """Become the work bench. Raises InputError where it is not installed."""
    if importlib.util.find_spec("trame_slicer") is None or importlib.util.find_spec("asap_viewer") is None:
        raise InputError("The work bench is not installed; install it with: pip install 'asap-ct[viewer]'")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "asap_viewer", *view_arguments(command)])
