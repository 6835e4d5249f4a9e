"""Collect the strings given to `_()` into Qt translation files: `python collect.py` updates every .ts beside it.

Translations that are there are kept, strings that are gone are dropped, new ones are marked unfinished. Contexts are those of
Slicer's `slicer.i18n.tr`: the package and the file. `lrelease` makes the .qm of a .ts.
"""

from __future__ import annotations

import ast
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

MODULE = Path(__file__).resolve().parents[2]


def strings() -> dict[str, list[str]]:
    """Context -> strings in the order of the source."""
    found: dict[str, list[str]] = {}
    for path in [MODULE / "AsapSlicerModule.py", *sorted((MODULE / "AsapSlicerLib").glob("*.py"))]:
        context = path.stem if path.parent == MODULE else f"{path.parent.name}.{path.stem}"
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="ascii"))) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            if isinstance(call.func, ast.Name) and call.func.id == "_" and isinstance(call.args[0], ast.Constant):
                texts = found.setdefault(context, [])
                if call.args[0].value not in texts:
                    texts.append(call.args[0].value)
    return found


def translations(path: Path) -> dict[tuple[str, str], str]:
    """(context, source) -> finished translation of a .ts file."""
    known = {}
    for context in ET.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            translation = message.find("translation")
            if translation is not None and translation.text and translation.get("type") != "unfinished":
                known[(context.findtext("name", ""), message.findtext("source", ""))] = translation.text
    return known


def write(path: Path, language: str, known: dict[tuple[str, str], str]) -> int:
    """Write the .ts file; how many strings are untranslated."""
    root, missing = ET.Element("TS", version="2.1", language=language, sourcelanguage="en_US"), 0
    for name, texts in strings().items():
        context = ET.SubElement(root, "context")
        ET.SubElement(context, "name").text = name
        for text in texts:
            message = ET.SubElement(context, "message")
            ET.SubElement(message, "source").text = text
            translation = ET.SubElement(message, "translation")
            if (name, text) in known:
                translation.text = known[(name, text)]
            else:
                translation.set("type", "unfinished")
                missing += 1
    ET.indent(root, " ")
    body = ET.tostring(root, encoding="unicode")
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n{body}\n', encoding="utf-8")
    return missing


def main() -> int:
    """Update all; 1 when something is untranslated."""
    missing = 0
    for path in sorted(Path(__file__).parent.glob("*.ts")):
        missing += write(path, path.stem.partition("_")[2], translations(path))
    sys.stdout.write(f"{missing} strings are untranslated\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
