"""Every string of the module can be translated and is translated into German; nothing a reader sees is left out."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6 import QtCore, QtWidgets
from PySide6.QtTest import QTest

from tests.client.scripted import TOKEN
from tests.slicer import translations
from tests.slicer.desk import SENTENCES, Desk, open_desk

FOLDER = Path(__file__).parents[2] / "AsapSlicerModule" / "Resources" / "Translations"
LRELEASE = Path(sys.executable).with_name("pyside6-lrelease")
sys.path.append(str(FOLDER))

import collect  # noqa: E402

LANGUAGES = ("de",)
SHOWN = ("text", "title", "placeholderText", "toolTip", "accessibleName")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@pytest.fixture
def marked() -> Iterator[None]:
    """Every translated string stands in brackets."""
    module = translations.install()
    before, module.translate = module.translate, lambda _context, text: f"\u27e6{text}\u27e7"
    yield
    module.translate = before


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_string_has_a_translation_with_its_placeholders(language: str) -> None:
    known = collect.translations(FOLDER / f"AsapSlicerModule_{language}.ts")
    wanted = {(context, text) for context, texts in collect.strings().items() for text in texts}
    assert len(wanted) > 100
    assert set(known) == wanted
    for (_context, source), translation in known.items():
        assert sorted(PLACEHOLDER.findall(source)) == sorted(PLACEHOLDER.findall(translation)), source
        assert source.count(";;") == translation.count(";;")


def test_only_plain_strings_are_given_to_be_translated() -> None:
    for path in sorted(collect.MODULE.glob("AsapSlicerLib/*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id == "_":
                assert isinstance(call.args[0], ast.Constant), f"{path.name}:{call.lineno}"


def seen(desk: Desk) -> Iterator[str]:
    """Every text of the panel: labels, buttons, tips, what a screen reader says, lists and headers."""
    for widget in desk.parent.findChildren(QtWidgets.QWidget):
        if not str(widget.property("objectName")).startswith("qt_"):
            yield from (
                str(widget.property(name) or "")
                for name in SHOWN
                if not isinstance(widget, QtWidgets.QLineEdit) or name != "text"
            )
        if isinstance(widget, QtWidgets.QComboBox):
            yield from (widget.itemText(n) for n in range(QtWidgets.QComboBox.count(widget)))
    tree = desk.widget.report_panel.list
    yield from (tree.headerItem().text(column) for column in range(4))
    for row in desk.rows():
        yield from (row.text(column) for column in range(4))
        yield row.parent().text(0)


@pytest.mark.usefixtures("marked")
def test_nothing_a_reader_sees_is_untranslated(tmp_path: Path) -> None:
    from AsapSlicerLib.question_desk import FIRST

    with open_desk(tmp_path) as desk:
        desk.connect()
        desk.choose_ct()
        desk.ask()
        desk.click_row(1)
        desk.widget.logic.decide(1, "accepted")
        desk.widget.logic.edit(2, "The heart is small.")
        desk.until(lambda: not desk.widget.logic.busy)
        QTest.qWait(50)
        data = {*SENTENCES, "The heart is small.", "CT", "asap-mini", "75 %", "small", "100%", desk.server.url, TOKEN}
        data |= {f"<p>{sentence}</p>" for sentence in (*SENTENCES, "The heart is small.")}
        data |= set(FIRST)  # what is asked of a model that reads English
        bare = {text for text in seen(desk) if text.strip() and "\u27e6" not in text} - data
        assert not {text for text in bare if re.search(r"[A-Za-z]{2}", text)}


@pytest.mark.slow
@pytest.mark.skipif(not LRELEASE.exists(), reason="needs PySide6's lrelease")
def test_the_panel_in_german(tmp_path: Path) -> None:
    subprocess.run(
        [LRELEASE, FOLDER / "AsapSlicerModule_de.ts", "-qm", tmp_path / "AsapSlicerModule_de.qm"], check=True, capture_output=True
    )
    module = translations.install()
    with open_desk(tmp_path / "settings"):
        from AsapSlicerLib import translation

        settings = QtCore.QSettings()
        assert translation.chosen_language(settings) == "en"
        settings.setValue("language", "de_DE")
        assert translation.chosen_language(settings) == "en"  # internationalization is off
        settings.setValue("Internationalization/Enabled", "true")
        assert not translation.install("en", tmp_path)
        assert translation.install(translation.chosen_language(settings), tmp_path)
    before, module.translate = module.translate, QtCore.QCoreApplication.translate
    try:
        with open_desk(tmp_path / "settings") as desk:
            assert desk.widget.case_panel.encode.text == "Kodieren"
            assert (
                desk.widget.report_panel.buttons["undo"].toolTip
                == "Die letzte Entscheidung zur\u00fccknehmen (Taste U in der Liste)"
            )
            import AsapSlicerModule

            parent = SimpleNamespace()
            AsapSlicerModule.AsapSlicerModule(parent)
            assert parent.title == "ASAP: Befunds\u00e4tze im Bild"
    finally:
        module.translate = before
        for translator in translation._installed:
            QtCore.QCoreApplication.removeTranslator(translator)
        translation._installed.clear()
