"""The extension's files: what may be imported where, what Slicer's index asks of an extension, nothing forgotten in CMake."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "AsapSlicerModule"
SOURCES = [MODULE / "AsapSlicerModule.py", *sorted((MODULE / "AsapSlicerLib").glob("*.py"))]
QT_FILES = {"case_panel.py", "report_box.py", "report_panel.py", "server_panel.py", "translation.py", "widgets.py"}
ON_DEMAND = {"report_sources.py": {"pydicom"}, "sample_data.py": {"SampleData"}}
STANDARD = {
    "__future__", "collections", "contextlib", "dataclasses", "datetime", "difflib", "functools", "hashlib", "html", "importlib",
    "itertools", "json", "logging", "os", "pathlib", "platform", "queue", "re", "secrets", "shutil", "signal", "subprocess",
    "sys", "tarfile", "tempfile", "threading", "time", "typing",
}  # fmt: skip
ALLOWED = STANDARD | {"numpy", "vtk", "slicer", "asap.client", "AsapSlicerLib"}
CATEGORIES = {"Chest Imaging Platform", "Informatics", "Segmentation", "Active Learning", "Remote"}


def imports(path: Path, *, file_scope: bool) -> set[str]:
    """Dotted names a file imports: at file scope, or anywhere."""
    tree = ast.parse(path.read_text(encoding="ascii"))
    inner = {id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)}
    names: set[str] = set()
    for node in ast.walk(tree):
        if file_scope and id(node) in inner:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


def within(name: str, allowed: set[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_imports_go_in_one_direction(path: Path) -> None:
    found = imports(path, file_scope=False)
    allowed = ALLOWED | ({"qt", "ctk"} if path.name in QT_FILES else set()) | ON_DEMAND.get(path.name, set())
    assert not ON_DEMAND.get(path.name, set()) & imports(path, file_scope=True)
    assert not {name for name in found if not within(name, allowed)}
    if path.name == "heat_maps.py":
        assert not {"vtk", "slicer"} & found


def test_only_one_file_knows_memory_order_and_dicom() -> None:
    for path in SOURCES:
        if path.name != "volume_nodes.py":
            text = path.read_text()
            assert "kji" not in text.lower(), path.name
            assert "lps" not in re.findall(r"[a-z]+", text.lower()), path.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_files_are_small(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert len(path.read_text().splitlines()) <= 400
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


def test_every_source_and_resource_is_packaged() -> None:
    listed = set(re.findall(r"^  (\S+\.(?:py|png|md))$", (MODULE / "CMakeLists.txt").read_text(), re.MULTILINE))
    listed = {name.replace("${MODULE_NAME}", "AsapSlicerModule") for name in listed}
    wanted = {str(path.relative_to(MODULE)) for path in SOURCES} | {"Resources/Icons/AsapSlicerModule.png"}
    assert listed == wanted
    assert "asap/client/*.py" in (ROOT / "CMakeLists.txt").read_text()


def test_what_the_extensions_index_asks() -> None:
    entry = json.loads((MODULE / "Resources" / "ASAP.json").read_text())
    cmake = (ROOT / "CMakeLists.txt").read_text()
    settings = dict(re.findall(r'set\((EXTENSION_\w+) "([^"]*)"\)', cmake))
    assert "project(ASAP)" in cmake  # the name of the json file
    assert entry["category"] in CATEGORIES
    assert entry["scm_url"].startswith("https://")
    assert entry["scm_url"].rpartition("/")[2].startswith("Slicer")
    assert entry["build_dependencies"] == []  # then the index packages it for Windows and Linux
    assert 1 <= entry["tier"] <= 5
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert settings[f"EXTENSION_{name}"]
    for name in ("ICONURL", "SCREENSHOTURLS"):
        url = settings[f"EXTENSION_{name}"]
        assert url.endswith(".png")
        assert (ROOT / url.partition("/main/")[2]).is_file()
    assert "not for diagnosis" in settings["EXTENSION_DESCRIPTION"]
    assert (ROOT / "LICENSE").is_file()
    assert cmake.rstrip().endswith("include(${Slicer_EXTENSION_CPACK})")


def test_nothing_runs_at_import_and_every_label_can_be_translated() -> None:
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        for node in tree.body:
            assert not isinstance(node, ast.For | ast.While), path.name
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            assert name not in ("print", "eval", "exec", "slicer.app.processEvents"), path.name
            if name.split(".")[-1] in ("setPlaceholderText", "setToolTip", "setAccessibleName", "setTitle") and call.args:
                last = call.args[-1]
                assert not isinstance(last, ast.Constant), f"{path.name}:{call.lineno} is not translated"
