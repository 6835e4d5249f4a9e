"""The extension's files: what may be imported where, what Slicer's index asks of an extension, nothing forgotten in CMake."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.slicer.scene import SlicerScene

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "AsapSlicerModule"
SOURCES = [MODULE / "AsapSlicerModule.py", *sorted((MODULE / "AsapSlicerLib").glob("*.py"))]
QT_FILES = {
    "case_panel.py",
    "judge_row.py",
    "label_row.py",
    "lesion_row.py",
    "list_rows.py",
    "organ_row.py",
    "question_panel.py",
    "report_box.py",
    "report_panel.py",
    "segment_box.py",
    "server_panel.py",
    "sign_row.py",
    "translation.py",
    "widgets.py",
    "worklist_panel.py",
}
ON_DEMAND = {"structured_report.py": {"pydicom"}, "sample_data.py": {"SampleData"}}
STANDARD = {
    "__future__", "collections", "contextlib", "ctypes", "dataclasses", "datetime", "difflib", "functools", "hashlib", "html",
    "importlib",
    "io", "itertools", "json", "logging", "os", "pathlib", "platform", "queue", "re", "secrets", "shutil", "signal", "subprocess",
    "sys", "tarfile", "tempfile", "threading", "time", "typing",
}  # fmt: skip
ALLOWED = STANDARD | {"numpy", "vtk", "slicer", "asap.client", "asap.review", "AsapSlicerLib"}
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
    wanted = {str(path.relative_to(MODULE)) for path in SOURCES} | {
        "Resources/Icons/AsapSlicerModule.png",
        "Resources/CHECKLIST.md",
    }
    assert listed == wanted
    assert "asap/client/*.py asap/review/*.py" in (ROOT / "CMakeLists.txt").read_text()


def test_what_the_extensions_index_asks() -> None:
    entry = json.loads((MODULE / "Resources" / "ASAP.json").read_text())
    cmake = (ROOT / "CMakeLists.txt").read_text()
    settings = dict(re.findall(r'set\((EXTENSION_\w+) "([^"]*)"\)', cmake))
    assert "project(ASAP)" in cmake  # the name of the json file
    assert entry["category"] in CATEGORIES
    assert entry["scm_url"].startswith("https://")
    assert entry["scm_url"].rpartition("/")[2].startswith("Slicer")
    home = settings["EXTENSION_HOMEPAGE"]
    assert entry["scm_url"] == f"{home}.git"  # one address in all files
    owner = home.removeprefix("https://github.com/")
    raw = f"https://raw.githubusercontent.com/{owner}/{entry['scm_revision']}/"
    assert all(settings[f"EXTENSION_{name}"].startswith(raw) for name in ("ICONURL", "SCREENSHOTURLS"))
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


def failure(step: Callable[[Any], None]) -> str:
    """What a step of the self test finds wrong in a scene of its own; empty if nothing."""
    stage = SlicerScene()
    try:
        step(stage.scene)
    except AssertionError as error:
        return str(error)
    finally:
        stage.close()
    return ""


def test_the_self_test_of_the_module_passes_over_slicer_core() -> None:
    from AsapSlicerLib.self_test import STEPS

    failures = {step.__name__: failure(step) for step in STEPS}
    assert failures
    assert not any(failures.values()), failures


@pytest.mark.slow
def test_the_zip_runs_from_its_own_folder_alone(tmp_path: Path) -> None:
    """Unpacked, with nothing of this checkout on the path, the module's own steps pass; here and in every further Python with
    slicer-core that ASAP_SLICER_PYTHONS names (separated as in PATH): Slicer 5.10 and 5.12 bring Python 3.12."""
    done = subprocess.run(
        [sys.executable, MODULE / "make_zip.py", tmp_path / "a.zip"], capture_output=True, text=True, check=True
    )
    assert "Additional module paths" in done.stdout
    subprocess.run([sys.executable, MODULE / "make_zip.py", tmp_path / "b.zip"], capture_output=True, check=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    others = [python for python in os.environ.get("ASAP_SLICER_PYTHONS", "").split(os.pathsep) if python]
    for python in (sys.executable, *others):
        run_alone(python, tmp_path / "SlicerASAP")


ALONE = """
import sys, pathlib
here = pathlib.Path(sys.argv[1])
sys.path[:0] = [str(here), str(here / "AsapSlicerModule"), sys.argv[2]]
import AsapSlicerLib.self_test as self_test, asap.client
assert pathlib.Path(asap.client.__file__).is_relative_to(here)
import scene
for step in self_test.STEPS:
    stage = scene.SlicerScene(); step(stage.scene); stage.close()
assert "torch" not in sys.modules and "scipy" not in sys.modules
print("passed on", sys.version_info[:2])
"""


PANEL_ALONE = """
import os, pathlib, sys, tempfile
os.environ |= {"QT_QPA_PLATFORM": "offscreen", "VTK_DEFAULT_OPENGL_WINDOW": "vtkEGLRenderWindow"}
here = pathlib.Path(sys.argv[1])
sys.path[:0] = [str(here), str(here / "AsapSlicerModule"), sys.argv[3]]
from tests.slicer import translations
translations.install()
from tests.slicer.desk import open_desk
with tempfile.TemporaryDirectory() as folder, open_desk(pathlib.Path(folder)) as desk:
    import AsapSlicerModule, asap.client
    assert all(pathlib.Path(one.__file__).is_relative_to(here) for one in (AsapSlicerModule, asap.client))
    desk.connect(); desk.choose_ct(); desk.ask(); desk.click_row(1)
    assert desk.foreground() == "ASAP heatmap"
    desk.click(desk.widget.report_panel.buttons["accept"])
    assert desk.widget.logic.review.sentences[1].state == "accepted"
assert not {"torch", "monai", "scipy", "asap.volume"} & set(sys.modules)
print("passed on", sys.version_info[:2])
"""


def run_alone(python: str, folder: Path) -> None:
    """Steps and panel in processes that know the unpacked folder only; -I leaves this checkout's own paths out."""
    for code in (ALONE, PANEL_ALONE):
        arguments = [python, "-I", "-c", code, str(folder), str(Path(__file__).parent), str(ROOT)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=200, check=False)
        assert "passed on" in done.stdout, done.stderr[-2000:]


@pytest.mark.long
def test_the_zip_runs_in_a_fresh_python_312_with_what_slicer_brings(tmp_path: Path) -> None:
    """Nothing but numpy, slicer-core and PySide6 is installed: no torch, no monai. Needs python3.12 and a package index."""
    if subprocess.run(["python3.12", "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("needs python3.12")
    subprocess.run(["python3.12", "-m", "venv", tmp_path / "slicers"], check=True)
    python = str(tmp_path / "slicers" / "bin" / "python")
    wanted = ["numpy", "slicer-core==5.11.0.6", "PySide6-Essentials==6.12.0"]
    subprocess.run([python, "-m", "pip", "install", "-qq", *wanted], check=True)
    subprocess.run([sys.executable, MODULE / "make_zip.py", tmp_path / "a.zip"], capture_output=True, check=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path)
    run_alone(python, tmp_path / "SlicerASAP")
