"""Slicer's `slicer.i18n` for tests: the same contexts as in the application, and a translation that a test can choose."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path


class Translations(types.ModuleType):
    """Stands in for the module. translate: (context, text) -> what is shown."""

    def __init__(self) -> None:
        super().__init__("slicer.i18n")
        self.translate: Callable[[str, str], str] = lambda _context, text: text

    def tr(self, text: str) -> str:
        """As Slicer's: the context is the package and the file that asks."""
        asking = Path(sys._getframe(1).f_code.co_filename)
        package = f"{asking.parent.name}." if (asking.parent / "__init__.py").is_file() else ""
        return self.translate(package + asking.stem, text)


def install() -> Translations:
    """Put it where the module's sources look; before the first of them is imported."""
    module = sys.modules.setdefault("slicer.i18n", Translations())
    assert isinstance(module, Translations)
    return module
