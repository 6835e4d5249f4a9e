"""The module as a folder to add in Slicer's settings, without building an extension: `python make_zip.py [FILE]`.

Beside the module lie client and review, as they are; the same sources give the same bytes. Translations need Qt's lrelease on the
path or PySide6 beside this Python.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

MODULE = Path(__file__).resolve().parent
ROOT = MODULE.parent
TOP = "SlicerASAP"
STAMP = (2000, 1, 1, 0, 0, 0)
PARTS = (
    "AsapSlicerModule.py",
    "README.md",
    "AsapSlicerLib/*.py",
    "Resources/Icons/*.png",
    "Resources/Screenshots/*.png",
    "Resources/CHECKLIST.md",
)


def sources() -> Iterator[tuple[str, Path]]:
    """(name in the archive, file)."""
    for pattern in PARTS:
        yield from ((f"AsapSlicerModule/{path.relative_to(MODULE).as_posix()}", path) for path in sorted(MODULE.glob(pattern)))
    yield "LICENSE", ROOT / "LICENSE"
    yield "asap/__init__.py", ROOT / "asap" / "__init__.py"
    for package in ("client", "review"):
        yield from ((f"asap/{package}/{path.name}", path) for path in sorted((ROOT / "asap" / package).glob("*.py")))


def translations(folder: Path) -> Iterator[tuple[str, Path]]:
    """The compiled translations; none where there is no lrelease."""
    beside = Path(sys.executable).with_name("pyside6-lrelease")
    tool = str(beside) if beside.exists() else shutil.which("lrelease")
    if tool is None:
        return
    for path in sorted((MODULE / "Resources" / "Translations").glob("*.ts")):
        compiled = folder / f"{path.stem}.qm"
        subprocess.run([tool, str(path), "-qm", str(compiled)], check=True, capture_output=True)
        yield f"AsapSlicerModule/Resources/Translations/{compiled.name}", compiled


def write_zip(target: Path) -> list[str]:
    """Write the archive; the names in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        files = [*sources(), *translations(Path(folder))]
        for name, path in files:
            archive.writestr(zipfile.ZipInfo(f"{TOP}/{name}", STAMP), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return [name for name, _path in files]


def main() -> None:
    """Write it and say how to use it."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / f"{TOP}.zip"
    names = write_zip(target)
    without = "" if any(name.endswith(".qm") for name in names) else " There is no lrelease here: the module is in English only."
    sys.stdout.write(
        f"{target}: {len(names)} files. Unpack it and add the folder {TOP}/AsapSlicerModule in Slicer: "
        f"Edit > Application Settings > Modules > Additional module paths.{without}\n"
    )


if __name__ == "__main__":
    main()
