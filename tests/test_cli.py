"""The command line as a user meets it: answers on disk, exit codes, one sentence for each mistake, nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asap.cli import main
from asap.io.nifti_write import write_nifti
from asap.phantom.case import generate_case
from asap.volume import apply_affine

KEYS = {
    "index", "text", "section", "assertion", "laterality", "localisable", "reason", "confidence", "peak_ras_mm", "tokens",
    "threshold", "side_check", "heatmap", "region", "overview",
}  # fmt: skip


def asap(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chest") / "chest.nii.gz"
    volume = generate_case(3).volume
    write_nifti(path, np.asarray(volume.hu), volume.affine)
    return path


@pytest.mark.slow
def test_ground_writes_what_the_readme_says(chest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.txt"
    report.write_text("FINDINGS:\nThe heart is normal in size.\nNo pleural effusion.\n", encoding="utf-8")
    out = tmp_path / "answers"
    assert asap("ground", str(chest), "--report", str(report), "--out", str(out), "--model", "asap-test", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    document = json.loads((out / "groundings.json").read_text(encoding="utf-8"))
    assert printed == document
    heart, absent = document["sentences"]
    assert set(heart) == set(absent) == KEYS
    assert absent["heatmap"] is None
    assert absent["reason"] == "States that something is absent."
    heatmap = read_nifti_map(out / heart["heatmap"])
    region = read_nifti_map(out / heart["region"])
    assert (region[0] > 0).sum() == heart["tokens"]
    peak_cell = np.unravel_index(heatmap[0].argmax(), heatmap[0].shape)
    gap = apply_affine(heatmap[1], np.array(peak_cell, dtype=float)) - np.array(heart["peak_ras_mm"])
    assert np.linalg.norm(gap) <= 0.5 * np.linalg.norm([24, 24, 24]) + 0.1
    for name in ("report.png", heart["overview"]):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert not [path.name for path in out.iterdir() if path.name.startswith(".") or path.name.endswith(".tmp")]


def read_nifti_map(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read with an independent reader."""
    import nibabel

    image = nibabel.load(path)
    return np.asarray(image.dataobj), image.affine


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--sentence", "Heart.", "--report", "x.txt"), "either --report FILE or --sentence TEXT"),
        ((), "either --report FILE or --sentence TEXT"),
        (("--report", "missing.txt"), "report file cannot be read"),
        (("--sentence", "Heart.", "--model", "no-such"), "no model of this name"),
        (("--sentence", "x" * 1001), "characters"),
    ],
)
def test_mistakes_get_one_sentence_and_code_2(
    chest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    code = asap("ground", str(chest), "--out", str(tmp_path / "out"), "--model", "asap-test", *arguments)
    complaint = capsys.readouterr().err
    assert code == 2
    assert sentence in complaint
    assert complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", b"a" * 200_001], ids=["not text", "too long"])
def test_reports_that_cannot_be_read_are_refused(chest: Path, tmp_path: Path, content: bytes) -> None:
    report = tmp_path / "report.txt"
    report.write_bytes(content)
    assert asap("ground", str(chest), "--report", str(report), "--out", str(tmp_path / "out"), "--model", "asap-test") == 2


def test_what_is_not_a_chest_is_refused_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "air.nii"
    write_nifti(path, np.full((40, 40, 40), -1000, np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    out = tmp_path / "out"
    assert asap("ground", str(path), "--sentence", "Heart.", "--out", str(out), "--model", "asap-test") == 2
    assert "chest" in capsys.readouterr().err
    assert not out.exists()


def test_an_unreadable_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "Jane Doe 1950.nii"
    path.write_bytes(b"not an image at all")
    assert asap("ground", str(path), "--sentence", "Heart.", "--out", str(tmp_path / "out"), "--model", "asap-test") == 2
    assert "Jane" not in capsys.readouterr().err


def test_bad_use_is_code_2() -> None:
    assert asap("ground") == 2
    assert asap("no-such-command") == 2


def test_weights_list_names_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert asap("weights", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} == {"asap-base", "asap-mini", "asap-test"}
    assert next(row for row in rows if row["name"] == "asap-test")["state"] == "built in"


def test_help_needs_no_torch() -> None:
    program = """import sys
from asap.cli import main
try:
    main(["--help"])
except SystemExit:
    print("torch" in sys.modules)"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("False")


def test_importing_the_package_imports_no_torch() -> None:
    program = (
        "import sys, asap, asap.volume, asap.text.read, asap.io.read, asap.lungs, asap.grounding; print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "False"


@pytest.mark.slow
def test_a_second_run_leaves_nothing_of_the_first(chest: Path, tmp_path: Path) -> None:
    (tmp_path / "region_mine.nii.gz").write_text("mine")
    for sentences in (("Heart.", "Aorta."), ("No pleural effusion.",)):
        assert asap("ground", str(chest), "--out", str(tmp_path), "--model", "asap-test", "--sentence", *sentences) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["groundings.json", "region_mine.nii.gz", "report.png"]
    assert (tmp_path / "region_mine.nii.gz").read_text() == "mine"


def test_an_output_that_is_a_file_is_refused(chest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert asap("ground", str(chest), "--out", str(tmp_path / "file"), "--model", "asap-test", "--sentence", "Heart.") == 2
    assert "output folder" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_sentence_that_is_not_text_is_refused(chest: Path, tmp_path: Path) -> None:
    assert asap("ground", str(chest), "--out", str(tmp_path / "o"), "--model", "asap-test", "--sentence", "\udcff heart") == 2


def test_an_unknown_model_has_no_path() -> None:
    assert asap("weights", "path", "no-such") == 2
