"""What the logic tells its faces."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from asap.client import Cancelled, ClientError, Progress

from . import coverage
from .cases import Origin
from .i18n import _

Kind = Literal[
    "server",
    "health",
    "consent",
    "case",
    "report",
    "shown",
    "region",
    "segment",
    "progress",
    "error",
    "worklist",
    "label",
    "question",
    "display",
    "exported",
]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """What happened. message: one sentence for the reader, or "". share: of work under way, 0 to 1, None when unknown."""

    kind: Kind
    message: str = ""
    share: float | None = None


@dataclass(frozen=True)
class CaseState:
    """The case a server has ready. seen: what the model saw of it."""

    node_id: str
    origin: Origin
    seen: coverage.Seen | None


def progress_event(progress: Progress) -> Event:
    """Where work under way stands."""
    message = progress.stage
    if progress.queue_position:
        message = _("waiting, position {position} in the queue").format(position=progress.queue_position)
    return Event("progress", message, progress.share)


def error_event(error: Exception) -> Event:
    """Why something failed and what to do: the error's own sentence when it is made for readers."""
    if isinstance(error, Cancelled):
        return Event("error", f"{error} {_('Ask again.')}")
    if isinstance(error, ClientError | ValueError):
        return Event("error", str(error))
    log.error("asap: %s in the module", type(error).__name__)
    return Event("error", _("The module failed ({kind}); save the scene and report it.").format(kind=type(error).__name__))
