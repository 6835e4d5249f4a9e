"""The client stands alone: standard library only, any Python a Slicer brings, any name it is copied to, quick to import."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "asap" / "client"
ALONE = Path(__file__).with_name("alone.py")
VERSIONS = ("3.11", "3.12", "3.13")


def interpreters() -> dict[str, str]:
    """Interpreters of this machine by version: on the path, beside each other in pyenv, and the running one."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for version in VERSIONS:
        on_path = shutil.which(f"python{version}")
        places = [Path(on_path)] if on_path else []
        places += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python3"))
        for place in places:
            said = subprocess.run([place, "--version"], capture_output=True, text=True, check=False)
            if said.returncode == 0 and said.stdout.startswith(f"Python {version}."):
                found.setdefault(version, str(place))
    return found


def run(interpreter: str, *arguments: str | Path) -> str:
    done = subprocess.run([interpreter, "-I", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted(CLIENT.glob("*.py")), ids=lambda path: path.name)
def test_only_relative_imports_and_the_standard_library(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                assert (node.module or "").split(".")[0] in sys.stdlib_module_names
            else:
                assert node.level == 1, "a copy has no parent package"


@pytest.mark.slow
@pytest.mark.parametrize("version", sorted(interpreters()))
def test_it_works_copied_under_another_name(version: str, tmp_path: Path) -> None:
    shutil.copytree(CLIENT, tmp_path / "vendored" / "asap_wire_client", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "vendored" / "__init__.py").touch()
    foreign = run(interpreters()[version], ALONE, tmp_path, "vendored.asap_wire_client", ALONE.parent)
    assert foreign == ""


def test_it_needs_nothing_of_the_rest_of_asap() -> None:
    foreign = run(sys.executable, ALONE, ROOT, "asap.client", ALONE.parent)
    assert foreign == ""


def test_importing_it_loads_neither_the_proxy_settings_nor_asyncio() -> None:
    """What would make Slicer's start slow; the bar of sixty milliseconds is printed by the benchmark of import costs."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import asap.client; print(*sys.modules)"
    loaded = run(sys.executable, "-c", code).split()
    assert not {"urllib.request", "asyncio", "typing_extensions", "numpy", "torch"} & set(loaded)
