"""Fine-tuning a head: it learns, goes on where it stopped, and keeps the old head until the new one is better."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from asap.errors import InputError, WeightsError
from asap.inference.learnt_labels import LearntLabels, nearest_labels, read_learnt, uncertainty
from asap.inference.load import load_engine
from asap.io.nifti_write import write_nifti
from asap.models.load import frozen
from asap.models.segmentation_head import HeadConfig, SegmentationHead
from asap.phantom.case import generate_case
from asap.volume import Affine, Volume, to_int16
from asap_training.data.datasets.decathlon import ImageWithLabel, read_decathlon
from asap_training.data.labelled_cases import LabelledCase, prepare
from asap_training.finetune_segmentation import Recipe, finetune, held_out
from asap_training.learn_labels import SCORES, Outcome, Prepared, learn_prepared
from asap_training.loop.head_steps import Schedule

QUICK = Recipe(schedule=Schedule(steps=24, warmup_steps=4, save_every=8), side=16, width=8, boxes=2)


def made_up(number: int, *, labelled: bool = True, image: str = "a") -> LabelledCase:
    """A grid on which label 1 is bright and label 2 is dark: a few steps suffice."""
    rng = np.random.default_rng(number)
    hu = np.zeros((32, 32, 32), dtype=np.int16) + rng.integers(-60, 60, (32, 32, 32)).astype(np.int16)
    labels = np.zeros((32, 32, 32), dtype=np.uint8)
    for value, height in ((1, 600), (2, -800)):
        i, j, k = rng.integers(0, 18, 3)
        labels[i : i + 14, j : j + 14, k : k + 14] = value
        hu[labels == value] = height
    cells = torch.from_numpy(rng.standard_normal((4, 8, 8, 8), dtype=np.float32)).to(torch.bfloat16)
    return LabelledCase(f"{number:032x}", image, torch.from_numpy(hu), cells, torch.from_numpy(labels) if labelled else None)


def never(_step: int, _loss: float) -> bool:
    return False


@pytest.mark.slow
@pytest.mark.parametrize("unlabelled", [0, 3], ids=["supervised", "semi-supervised"])
def test_losses_fall_and_a_stopped_run_goes_on_to_the_same_weights(unlabelled: int, tmp_path: Path) -> None:
    labelled, others = [made_up(n) for n in range(3)], [made_up(n + 10, labelled=False) for n in range(unlabelled)]
    losses: list[float] = []

    def note(_step: int, loss: float) -> bool:
        losses.append(loss)
        return False

    _, whole = finetune(labelled, others, outputs=3, recipe=QUICK, out=tmp_path / "whole", done=note)
    if not unlabelled:  # beside unlabelled cases their weight rises, and the sum with it
        assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    finetune(labelled, others, outputs=3, recipe=QUICK, out=tmp_path / "parts", done=lambda step, _: step == 11)
    seen: list[int] = []

    def count(step: int, _loss: float) -> bool:
        seen.append(step)
        return False

    _, parts = finetune(labelled, others, outputs=3, recipe=QUICK, out=tmp_path / "parts", done=count)
    assert seen[0] == 12
    assert all(torch.allclose(whole[name], parts[name], atol=1e-5) for name in whole)


def test_unlabelled_cases_come_in_late_and_by_degrees(tmp_path: Path) -> None:
    """Until then both recipes take the same steps, but for the clipping of two gradients together."""
    rise = QUICK.unlabelled
    weights = [rise.weight_at(step, QUICK.schedule.steps) for step in range(QUICK.schedule.steps)]
    assert weights == sorted(weights)
    assert weights[0] == 0
    assert weights[-1] == rise.weight
    assert max(np.diff(weights)) < 0.6 * rise.weight
    alone = replace(QUICK, unlabelled=replace(rise, alone=1.0), schedule=replace(QUICK.schedule, steps=4, clip_norm=1e9))
    labelled, others = [made_up(n) for n in range(2)], [made_up(10, labelled=False)]
    plain, semi = (
        finetune(labelled, unlabelled, outputs=3, recipe=alone, out=tmp_path / name, done=never)[1]
        for name, unlabelled in (("plain", []), ("semi", others))
    )
    assert all(torch.allclose(plain[name], semi[name], atol=1e-5) for name in plain)


def test_every_case_stays_on_its_side_and_one_case_is_learnt_from() -> None:
    assert [len(side) for side in held_out([made_up(1)])] == [1, 0]
    named = [LabelledCase("", f"case{n}", *[torch.zeros(1)] * 2, None) for n in range(40)]
    train, valid = held_out(named)
    more_train, more_valid = held_out(named[:30])
    assert 0 < len(valid) < 20
    assert {c.image for c in more_valid} <= {c.image for c in valid}
    assert {c.image for c in more_train} <= {c.image for c in train}


def test_labels_are_sampled_at_their_places_in_any_orientation() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 4, (6, 5, 4)).astype(np.int16)
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    flipped = affine @ np.array([[0, 0, -1, 5], [1, 0, 0, 0], [0, -1, 0, 3], [0, 0, 0, 1.0]])
    again = nearest_labels(labels, affine, (5, 4, 6), flipped)
    assert (again == labels[::-1].transpose(1, 2, 0)[:, ::-1]).all()
    outside = nearest_labels(labels, affine, (2, 2, 2), affine + np.array([[0, 0, 0, 900.0]] + [[0] * 4] * 3))
    assert not outside.any()


def test_uncertainty_counts_only_where_something_might_be() -> None:
    sure = torch.stack([torch.ones(4, 4, 4), torch.zeros(4, 4, 4)])
    torn = torch.full((2, 4, 4, 4), 0.5)
    assert uncertainty(sure) == 0.0
    assert uncertainty(torn) == pytest.approx(1.0)
    part = torch.cat([sure, torn], dim=1)
    assert uncertainty(part) == pytest.approx(1.0)


def test_a_list_of_cases_is_read_with_care(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    row = {"image": "./a.nii.gz", "label": "b.nii.gz"}
    path.write_text(json.dumps({"labels": {"0": "background", "1": "tumour"}, "training": [row], "test": ["c.nii.gz"]}))
    read = read_decathlon(path)
    assert read.labels == ("tumour",)
    assert read.training == (ImageWithLabel(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"),)
    assert read.unlabelled == (ImageWithLabel(tmp_path / "c.nii.gz", None),)
    path.write_text(json.dumps({"labels": {"background": 0, "lung": 1, "heart": 2}, "training": [row]}))
    assert read_decathlon(path).labels == ("lung", "heart")
    for bad, word in (
        ({"labels": {"1": "a"}, "training": []}, "training"),
        ({"labels": {"0": "background", "2": "a"}, "training": [row]}, "numbered"),
        ({"labels": {"1": "a"}, "training": [{"image": "../../etc/passwd", "label": "b"}]}, "leads out"),
        ({"labels": {"1": "a"}, "training": [{"image": "a"}]}, "no label"),
    ):
        path.write_text(json.dumps(bad))
        with pytest.raises(InputError, match=word):
            read_decathlon(path)


@pytest.mark.slow
def test_the_old_head_stays_until_a_new_one_is_better(tmp_path: Path) -> None:
    cases = Prepared(
        ("Heart", "Liver"), [made_up(n) for n in range(2)], [made_up(7)], [made_up(9, labelled=False, image="b")], "trunk"
    )
    head, work, lines = tmp_path / "head", tmp_path, list[str]()

    def run(recipe: Recipe, *, stop: bool = False) -> Outcome:
        return learn_prepared(cases, recipe, head=head, work=work, say=lines.append, stop=lambda: stop)

    assert not run(QUICK, stop=True).finished
    with pytest.raises(WeightsError):
        read_learnt(head)
    first = run(QUICK)
    assert first.accepted
    assert math.isnan(first.old_score)
    assert any(line.startswith("step 24/24") for line in lines)
    kept = read_learnt(head)
    assert kept.labels == ("Heart", "Liver")
    same = run(replace(QUICK, schedule=replace(QUICK.schedule, learning_rate=0.0)))  # begins from the head in use
    assert not same.accepted
    assert same.score == same.old_score == pytest.approx(first.score, abs=1e-6)
    assert read_learnt(head).weights_sha256 == kept.weights_sha256
    assert set(json.loads((work / SCORES).read_text())) == {"a", "b"}


@pytest.mark.slow
def test_a_case_is_prepared_once_and_drawn_on_in_any_orientation(tmp_path: Path) -> None:
    engine, case = load_engine("asap-mini"), generate_case(70_001)
    files = ImageWithLabel(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", {1: 2, 9: 1})
    write_nifti(files.image, to_int16(case.volume.hu), case.volume.affine)
    write_nifti(files.label or Path(), case.organs["heart"].astype(np.uint8), case.volume.affine)
    said: list[str] = []
    (prepared,) = prepare(engine, [files], tmp_path / "cases", said.append)
    assert prepared.labels is not None
    assert prepared.labels.unique().tolist() == [0, 2]
    assert int((prepared.labels == 2).sum()) == pytest.approx(case.organs["heart"].sum(), rel=0.02)
    made = next((tmp_path / "cases").iterdir()).stat().st_mtime_ns
    prepare(engine, [files], tmp_path / "cases", said.append)
    assert next((tmp_path / "cases").iterdir()).stat().st_mtime_ns == made
    torch.manual_seed(1)
    head = SegmentationHead(HeadConfig(trunk=prepared.cells_CABC.shape[0], width=8, outputs=3))
    learnt = LearntLabels(frozen(head), ("Heart", "odd"), engine.grounder.weights_sha256, "")
    volume = Volume(to_int16(case.volume.hu), case.volume.affine)
    turned = Volume(volume.hu[::-1].copy(), _flipped(volume))
    one, other = (learnt.segment(v, engine.encode(v), engine.grounder.grid) for v in (volume, turned))
    assert [s.name for s in one.segments] == [s.name for s in other.segments]
    assert one.segments
    assert all((one.mask(s.name)[::-1] == other.mask(s.name)).all() for s in one.segments)


def _flipped(volume: Volume) -> Affine:
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (volume.shape[0] - 1)
    affine[:3, 0] *= -1
    return affine
