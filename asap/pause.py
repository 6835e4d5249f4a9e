"""How long work gives way: functions that take a quarter of a second or more call a `Pause` between their steps.

A server's worker answers waiting clicks there, or ends the work by raising `asap.errors.Cancelled`; nothing is half done then.
"""

from __future__ import annotations

from collections.abc import Callable

Pause = Callable[[], None]


def no_pause() -> None:
    """For callers that let the work run through."""
