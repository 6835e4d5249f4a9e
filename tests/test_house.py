"""The house style that a machine can check: sizes, names, and calls that have no place in shipped code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE_LINES, FUNCTION_LINES = 400, 60
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "base", "manager"}
FORBIDDEN = {
    "torch.load", "pickle.load", "pickle.loads", "joblib.load", "eval", "exec", "os.system", "yaml.load", "shutil.unpack_archive",
}  # fmt: skip
FORBIDDEN_METHODS = {"extractall"}
MAY_UNPICKLE = {Path("asap/models/import_checkpoint.py"), Path("asap/models/checkpoint_convert.py")}


def shipped() -> list[Path]:
    return sorted(path for folder in ("asap", "monailabel_app", "training") for path in (ROOT / folder).rglob("*.py"))


def calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", shipped(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_small_and_call_nothing_dangerous(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= FILE_LINES
    assert path.stem not in VAGUE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES, node.name
    if path.relative_to(ROOT) not in MAY_UNPICKLE:
        for call in calls(tree):
            assert call not in FORBIDDEN, call
            assert call.split(".")[-1] not in FORBIDDEN_METHODS, call


def test_only_the_import_of_checkpoints_unpickles() -> None:
    unpickling = {path.relative_to(ROOT) for path in shipped() if "torch.load" in set(calls(ast.parse(path.read_text())))}
    assert unpickling <= MAY_UNPICKLE
    assert len(unpickling) == 1
