"""What a maintainer asks first, as text to paste: versions, the server, what failed last. No names, paths, tokens or reports."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk

from asap.client import ServerInfo

HOST = re.compile(r"\b(?:[a-z]+://)?(?:[\w-]+\.)+[\w-]+(?::\d+)?\b|\[[0-9a-f:]+\]", re.IGNORECASE)
PATH = re.compile(r"(?:[A-Za-z]:)?[\\/][^\s'\"]+")
KEPT_HOSTS = ("127.0.0.1", "localhost")


def diagnostics(server: ServerInfo | None, url: str, volume: Any, errors: Sequence[str]) -> str:
    """The text. Of the CT its size and spacing only; of the address whether it is this computer and whether it has TLS."""
    lines = [
        f"ASAP module on {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        f"Slicer {_slicer_version()}, VTK {vtk.vtkVersion().GetVTKVersion()}, numpy {np.__version__}",
        f"address: {'this computer' if any(name in url for name in KEPT_HOSTS) else 'another computer'}, "
        f"{'TLS' if url.lower().startswith('https:') else 'no TLS'}",
    ]
    if server is None:
        lines.append("server: not connected")
    else:
        models = ", ".join(f"{model.name} {model.weights_sha256[:12]}" for model in server.models)
        lines += [
            f"server: ASAP {server.version}, protocol {server.protocol}, {server.device}, queue {server.queue_length}",
            f"sessions: {server.sessions_open} of {server.sessions_limit}; models: {models}",
        ]
    image = volume.GetImageData() if volume is not None else None
    if image is not None:
        spacing = " x ".join(f"{mm:.2f}" for mm in volume.GetSpacing())
        size = " x ".join(str(count) for count in image.GetDimensions())
        lines.append(f"CT: {size} voxels of {spacing} mm, {image.GetScalarTypeAsString()}")
    lines += [f"error: {without_places(text)}" for text in errors]
    return "\n".join(lines) + "\n"


def without_places(text: str) -> str:
    """A sentence with host names and paths replaced: both may name a hospital or a patient."""
    kept = HOST.sub(lambda found: found[0] if any(name in found[0] for name in KEPT_HOSTS) else "(host)", text)
    return PATH.sub("(path)", kept)


def _slicer_version() -> str:
    application = getattr(slicer, "app", None)
    return str(getattr(application, "applicationVersion", "core, without the application"))
