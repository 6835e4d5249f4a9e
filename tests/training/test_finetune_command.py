"""`asap-train finetune segmentation` as a person runs it: both methods, then scored on test cases; images lie elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from asap.inference.learnt_labels import read_learnt
from asap.inference.load import load_engine
from asap.io.nifti_write import write_nifti
from asap.io.read import read_labels, read_volume
from asap.phantom.case import generate_case
from asap.volume import to_int16
from asap_training import finetune, fit_labels
from asap_training.finetune_segmentation import Recipe
from asap_training.tasks.metrics import overlap

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three coarse generated chests with the heart and the liver as labels."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(3):
        case = generate_case(72_000 + number, spacing_mm=6.0)
        write_nifti(folder / f"ct{number}.nii.gz", to_int16(case.volume.hu), case.volume.affine)
        labels = (case.organs["heart"] + 2 * case.organs["liver"]).astype(np.uint8)
        write_nifti(folder / f"label{number}.nii.gz", labels, case.volume.affine)
    return folder


def listed(path: Path, **lists: list[int]) -> Path:
    rows = {name: [{"image": f"ct{n}.nii.gz", "label": f"label{n}.nii.gz"} for n in numbers] for name, numbers in lists.items()}
    path.write_text(json.dumps({"labels": {"0": "background", "1": "Heart", "2": "Liver"}, **rows}))
    return path


def command(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["asap-train finetune", "segmentation", *map(str, words)])
    try:
        finetune.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_both_methods_train_and_a_list_of_test_cases_is_scored(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fit_labels, "Recipe", lambda: Recipe(side=16))  # a twentieth of the time
    out, cases = tmp_path / "run", listed(tmp_path / "dataset.json", training=[0, 1], validation=[2])
    wanted = ("--cases", cases, "--root", images, "--out", out, "--steps", "10", "--labelled", "1")
    learnt = {}
    for method in ("supervised", "semi-supervised"):
        assert command(monkeypatch, *wanted, "--method", method) == 0
        said = capsys.readouterr().out
        assert [line.split()[1] for line in said.splitlines() if line.startswith("step")] == [f"{n}/10" for n in range(1, 11)]
        learnt[method] = json.loads((out / "result.json").read_text())
        assert json.loads(said.splitlines()[-1]) == learnt[method]
        assert (learnt[method]["finished"], learnt[method]["learnt_from"], learnt[method]["held_out"]) == (True, 1, 1)
        assert read_learnt(out / "head").labels == ("Heart", "Liver")
    assert learnt["supervised"]["accepted"]
    assert learnt["semi-supervised"]["old_score"] == pytest.approx(learnt["supervised"]["score"], abs=1e-6)
    assert len(list(out.glob("run-*"))) == 2, "each method is a run of its own"
    used = read_learnt(out / "head").weights_sha256
    tests = listed(tmp_path / "tests.json", testing=[2])
    assert command(monkeypatch, "--cases", tests, "--root", images, "--out", out, "--score") == 0
    said = capsys.readouterr().out
    scores = {row["label"]: row for row in json.loads((out / "test.json").read_text())}
    assert list(scores) == ["Heart", "Liver"]
    head, engine = read_learnt(out / "head"), load_engine("asap-mini")
    volume, (labels, _) = read_volume(images / "ct2.nii.gz"), read_labels(images / "label2.nii.gz")
    drawn = head.segment(volume, engine.encode(volume), engine.grounder.grid)
    for value, (name, row) in enumerate(scores.items(), start=1):
        wanted = overlap(drawn.mask(name), labels == value, volume.spacing_mm)
        assert wanted.dice > 0
        assert (row["dice"], row["nsd"], row["hd95_mm"]) == pytest.approx((wanted.dice, wanted.nsd, wanted.hd95_mm), abs=1e-9)
        assert (row["cases"], row["found"]) == (1, 1)
        assert f"{row['dice']:.3f}" in said
    assert read_learnt(out / "head").weights_sha256 == used, "scoring trains nothing"


def test_what_cannot_be_done_is_one_sentence(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = listed(tmp_path / "tests.json", testing=[2])
    inside = listed(images / "dataset.json", training=[0])
    for words, sentence in (
        (("--cases", tests, "--out", tmp_path / "no"), "test cases only"),
        (("--cases", inside, "--out", tmp_path / "no", "--recipe", "btcv"), "UNETR"),
        (("--cases", inside, "--out", tmp_path / "no", "--score"), "neither test nor"),
        (("--cases", tests, "--root", images, "--out", tmp_path / "no", "--score"), "weights"),
        (("--cases", inside, "--root", tmp_path / "elsewhere", "--out", tmp_path / "no"), "no case to learn from"),
    ):
        assert command(monkeypatch, *words) == 2
        assert sentence in capsys.readouterr().err
    table = json.loads(inside.read_text())
    table["training"][0]["image"] = str(images / "ct0.nii.gz")
    (tmp_path / "absolute.json").write_text(json.dumps(table))
    assert command(monkeypatch, "--cases", tmp_path / "absolute.json", "--out", tmp_path / "no") == 2
    assert "leads out of its folder" in capsys.readouterr().err
    assert not (tmp_path / "no" / "head").exists()
