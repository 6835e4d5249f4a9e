"""UNETR from a pre-trained encoder to a segmented scan: trained, stored, and run by `asap segment`, on formula-made weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from asap.cli import main
from asap.errors import Cancelled, InputError, LimitError, WeightsError
from asap.inference.whole_volume import segment_whole, shares, whole_grid
from asap.io.nifti_write import write_nifti
from asap.models.asap import Asap
from asap.models.catalog import TEST_CONFIG
from asap.models.config import EncoderConfig
from asap.models.load import LoadedAsap, frozen, load_model, seeded_state
from asap.models.load_unetr import LoadedUnetr, UnetrConfig, load_unetr, write_unetr
from asap.preprocess import to_network_grid
from asap.segmentation import dice
from asap.volume import Affine, Volume
from asap_training.data.datasets.decathlon import read_decathlon
from asap_training.finetune_unetr import UnetrOutcome, UnetrRecipe, finetune_unetr
from asap_training.loop.head_steps import Schedule
from asap_training.objectives.cross_pseudo import Unlabelled

ENCODER = EncoderConfig(width=24, depth=12, heads=2, mlp_ratio=1.0, patch=(8, 8, 4), grid=(2, 2, 2), spacing_mm=(3.0, 3.0, 6.0))
QUICK = UnetrRecipe(Schedule(steps=8, learning_rate=4e-3, warmup_steps=2), window=(16, 16, 8), features=4)
AFFINE = np.array([[-3.0, 0, 0, 60], [0, 3.0, 0, -50], [0, 0, 6.0, 20], [0, 0, 0, 1.0]])  # stored from right to left


def made_up(number: int) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """A bright box (1) and a dark one (2) in noise; the bright one lies on one side only."""
    rng = np.random.default_rng(number)
    hu = rng.integers(-60, 60, (20, 20, 8)).astype(np.int16)
    labels = np.zeros(hu.shape, dtype=np.uint8)
    for value, height, first in ((1, 700, 1), (2, -800, 11)):
        j, k = rng.integers(0, 11), rng.integers(0, 2)
        labels[first : first + 9, j : j + 9, k : k + 6] = value
        hu[labels == value] = height
    return hu, labels


def encoder() -> LoadedAsap:
    config = replace(TEST_CONFIG, encoder=ENCODER)
    model = Asap(config)
    model.load_state_dict(seeded_state(model, 5))
    tiny = load_model("asap-test")
    assert isinstance(tiny, LoadedAsap)
    return LoadedAsap("tiny", frozen(model), tiny.tokenizer, "5" * 64, None)


def untrained(labels: tuple[str, ...] = ("Bright", "Dark")) -> LoadedUnetr:
    config = UnetrConfig(ENCODER, labels, features=4, overlap=0.25)
    network = config.network()
    network.load_state_dict(seeded_state(network, 3))
    return LoadedUnetr("unetr", config, frozen(network), "0" * 64)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decathlon")
    rows = []
    for number in range(4):
        hu, labels = made_up(number)
        write_nifti(folder / f"ct{number}.nii.gz", hu, AFFINE)
        write_nifti(folder / f"label{number}.nii.gz", labels, AFFINE)
        rows.append({"image": f"ct{number}.nii.gz", "label": f"label{number}.nii.gz"})
    table = {"labels": {"0": "background", "1": "Bright", "2": "Dark"}, "training": rows[:3], "validation": rows[3:]}
    (folder / "dataset.json").write_text(json.dumps(table))
    return folder / "dataset.json"


class ByBrightness(nn.Module):
    """A network whose answer is known: label 1 above 350 HU, label 2 below -400, half of what the boxes have."""

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        return 50 * torch.cat([torch.full_like(window, 0.35), window, -window - 0.05], dim=1)


@pytest.mark.slow
def test_trained_stopped_taken_up_stored_and_run_on_a_scan(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []
    cases = read_decathlon(dataset)
    whole = finetune_unetr(encoder(), cases, QUICK, out=tmp_path / "whole", say=lines.append, stop=lambda: False)
    losses = [float(line.split()[-1]) for line in lines if line.startswith("step")]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert (whole.learnt_from, whole.held_out) == (3, 1)
    assert set(whole.dice) == {"Bright", "Dark"}
    out = tmp_path / "run"
    stopped = finetune_unetr(encoder(), cases, QUICK, out=out, say=lines.append, stop=lambda: lines[-1].startswith("step 2/"))
    assert not stopped.finished
    assert not (out / "unetr").exists()
    lines.clear()
    assert finetune_unetr(encoder(), cases, QUICK, out=out, say=lines.append, stop=lambda: False) == whole
    assert next(line for line in lines if line.startswith("step")).startswith("step 3/8")
    assert load_unetr(out / "unetr").weights_sha256 == load_unetr(tmp_path / "whole" / "unetr").weights_sha256
    scan, answer = dataset.parent / "ct3.nii.gz", tmp_path / "answer"
    with pytest.raises(SystemExit) as ended:
        main(["segment", str(scan), "--model", str(out / "unetr"), "--out", str(answer), "--json"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"]["weights_sha256"] == load_unetr(out / "unetr").weights_sha256
    found = segment_whole(load_unetr(out / "unetr"), Volume(made_up(3)[0], AFFINE))
    assert [row["name"] for row in document["segments"]] == [segment.name for segment in found.segments]
    with pytest.raises(SystemExit) as ended:
        main(["segment", str(scan), "--model", str(out / "unetr"), "--point=1,2,3", "--out", str(tmp_path / "none")])
    assert ended.value.code == 2
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_two_networks_learn_from_scans_without_labels_too(dataset: Path, tmp_path: Path) -> None:
    cases = read_decathlon(dataset)
    bare = replace(cases, training=cases.training[:1], unlabelled=tuple(replace(c, label=None) for c in cases.training[1:]))
    quick = replace(QUICK, schedule=replace(QUICK.schedule, steps=4))
    lines: list[str] = []

    def run(name: str, recipe: UnetrRecipe = quick, last: str = "never") -> UnetrOutcome:
        lines.clear()
        return finetune_unetr(
            encoder(), bare, recipe, out=tmp_path / name, say=lines.append, stop=lambda: last in lines[-1], use_unlabelled=True
        )

    whole = run("whole")
    assert (whole.finished, whole.learnt_from, whole.held_out) == (True, 1, 1)
    assert "preparing 3/3" in lines
    assert not run("parts", last="step 2/").finished
    assert run("parts") == whole
    assert next(line for line in lines if line.startswith("step")).startswith("step 3/4")
    weights = {name: load_unetr(tmp_path / name / "unetr").weights_sha256 for name in ("whole", "parts")}
    assert weights["whole"] == weights["parts"]
    run("alone", replace(quick, unlabelled=Unlabelled(weight=0.0)))
    assert load_unetr(tmp_path / "alone" / "unetr").weights_sha256 != weights["whole"], "what they teach each other counts"
    with pytest.raises(InputError, match="without labels"):
        finetune_unetr(encoder(), cases, quick, out=tmp_path, say=lines.append, stop=lambda: False, use_unlabelled=True)


@pytest.mark.parametrize("affine", [AFFINE, np.diag([1.5, 1.5, 3.0, 1.0])], ids=["turned", "finer"])
def test_labels_stand_where_the_scan_shows_them(affine: Affine) -> None:
    hu, labels = made_up(3)
    made = untrained()
    known = LoadedUnetr(made.name, made.config, ByBrightness(), made.weights_sha256)  # type: ignore[arg-type]
    found = segment_whole(known, Volume(hu, affine))
    for value, name in ((1, "Bright"), (2, "Dark")):
        assert dice(found.mask(name), labels == value) > 0.75
        away = np.abs(np.argwhere(found.mask(name)).mean(axis=0) - np.argwhere(labels == value).mean(axis=0))
        assert (away * np.abs(np.diag(affine)[:3]) < 0.4 * np.array(ENCODER.spacing_mm)).all(), "of the network's voxels"


def test_progress_never_falls_and_cancelling_ends_the_work() -> None:
    hu, _ = made_up(0)
    told: list[float] = []
    segment_whole(untrained(), Volume(hu, AFFINE), progress=lambda _, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(set(told)) > 8

    def cancel() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        segment_whole(untrained(), Volume(hu, AFFINE), between_blocks=cancel)


def test_a_scan_smaller_than_a_window_and_one_of_other_spacing_keep_their_grid() -> None:
    for shape, spacing in (((9, 20, 5), 3.0), ((40, 30, 30), 1.5)):
        affine: Affine = np.diag([spacing, spacing, spacing, 1.0])
        volume = Volume(np.zeros(shape, dtype=np.int16), affine)
        grid = whole_grid(volume, untrained().config)
        assert grid.shape == tuple(max(2, int(n * spacing / want)) for n, want in zip(shape, (3, 3, 6), strict=True))
        found = segment_whole(untrained(), volume)
        assert found.shape == shape
        share = shares(untrained(), to_network_grid(volume, grid)[0])
        assert share.shape == (3, *grid.shape)


def test_only_what_was_learnt_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hu, _ = made_up(0)
    with pytest.raises(InputError, match="know Bright, Dark"):
        segment_whole(untrained(), Volume(hu, AFFINE), ["heart"])
    both = segment_whole(untrained(), Volume(hu, AFFINE))
    one = segment_whole(untrained(), Volume(hu, AFFINE), ["Dark"])
    assert [s.name for s in one.segments] == [s.name for s in both.segments if s.name == "Dark"]
    monkeypatch.setattr("asap.limits.MAX_UNETR_SCORES", 1000)
    with pytest.raises(LimitError, match="too large"):
        segment_whole(untrained(), Volume(hu, AFFINE))


def test_weights_come_back_as_they_were_written_and_others_are_refused(tmp_path: Path) -> None:
    made = untrained()
    digest = write_unetr(tmp_path / "unetr", made.config, made.network.state_dict(), source="a test", licence="none")
    read = load_unetr(tmp_path / "unetr")
    assert (read.config, read.weights_sha256) == (made.config, digest)
    image = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 16, 16, 8), dtype=np.float32))
    assert (read.network(image) - made.network(image)).abs().mean() < 0.01 * made.network(image).abs().mean()
    manifest = tmp_path / "unetr" / "manifest.json"
    text = manifest.read_text()
    for old, new in (('"Dark"', "7"), ('"overlap": 0.25', '"overlap": 1.5'), ('"features": 4', '"features": 8')):
        manifest.write_text(text.replace(old, new))
        with pytest.raises(WeightsError):
            load_unetr(tmp_path / "unetr")


def test_an_encoder_without_the_blocks_is_refused(dataset: Path, tmp_path: Path) -> None:
    tiny = load_model("asap-test")
    assert isinstance(tiny, LoadedAsap)
    with pytest.raises(InputError, match="only 2"):
        finetune_unetr(tiny, read_decathlon(dataset), QUICK, out=tmp_path, say=lambda _: None, stop=lambda: False)
