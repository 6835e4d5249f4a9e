"""Work under way, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """Work under way, or the outcome of the last. share: 0 to 1, None when unknown."""

    active: bool
    stage: str
    share: float | None = None
