"""The module's own translations, shown when Slicer is set to such a language. Qt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt

FOLDER = Path(__file__).parents[1] / "Resources" / "Translations"
SOURCE_LANGUAGE = "en"
_installed: list[Any] = []  # Qt does not keep a translator alive


def chosen_language(settings: Any) -> str:
    """Of the application: its setting where internationalization is on, else English."""
    enabled = str(settings.value("Internationalization/Enabled")).lower() in ("true", "1")
    return str(settings.value("language") or SOURCE_LANGUAGE) if enabled else SOURCE_LANGUAGE


def install_chosen() -> None:
    """Use the translation of the application's language, if there is one."""
    install(chosen_language(qt.QSettings()))


def install(language: str, folder: Path = FOLDER) -> bool:
    """Use the translation of this language, such as "de" or "de_DE"; False where none is shipped. English needs none."""
    path = folder / f"AsapSlicerModule_{language.replace('-', '_').partition('_')[0]}.qm"
    translator = qt.QTranslator()
    if _installed or not path.is_file() or not translator.load(str(path)):
        return False
    qt.QCoreApplication.installTranslator(translator)
    _installed.append(translator)
    return True
