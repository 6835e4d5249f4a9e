"""`Service`: everything behind `/asap/v1` but HTTP itself. It owns its threads and its private folder; there is no global state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from asap.inference.engine import Engine
from monailabel_app.server.service_config import ServiceConfig, StudySource


class Service:
    """Sessions, studies and jobs of one server process."""

    def __init__(self, engines: Mapping[str, Engine], default_model: str, config: ServiceConfig) -> None:
        self.engines = dict(engines)
        self.default_model = default_model
        self.config = config

    def close(self) -> None:
        """Stop the threads and remove everything the sessions own."""


def build_service(
    engines: Mapping[str, Engine],
    default_model: str,
    *,
    runtime_dir: Path,
    config: ServiceConfig,
    datastore: StudySource | None,
    clock: Callable[[], float] = time.monotonic,
) -> Service:
    """Start a service. runtime_dir: private folder, purged at start; InputError when another server uses it."""
    return Service(engines, default_model, config)
