"""`_`: Slicer's translation of a string, or the string itself where Slicer's translator is absent (slicer-core, browser)."""

from __future__ import annotations

try:
    from slicer.i18n import tr as _
except ImportError:

    def _(text: str) -> str:
        """The text as it stands."""
        return text


__all__ = ["_"]
