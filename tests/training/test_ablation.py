"""`asap-train ablation` on a few coarse cases: rows train, are measured, and stand in one table; and its measures measure."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from asap.inference.grounder import AsapGrounder
from asap.models.asap import Asap
from asap.models.catalog import TEST_CONFIG, TEST_WORDS
from asap.models.wordpiece import WordPiece
from asap.phantom.case import PhantomCase, generate_case
from asap.phantom.case_files import load_case, save_case
from asap.phantom.findings import CONCEPTS
from asap.preprocess import GridConfig
from asap.text.read import read_sentence
from asap.text.statements import wordings_of
from asap_training.ablation import boxes, command, measures, rows
from asap_training.ablation.features import Frozen, Shown, frozen_features
from asap_training.ablation.result import Result, results
from asap_training.ablation.table import difference
from asap_training.data.batch import collate
from asap_training.grounding_score import Row
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import CORRECTIONS, Recipe, asap_base, asap_base_paper
from asap_training.total_loss import total_loss
from tests.training.processes import small
from tests.training.synthetic import SyntheticReports


def frozen(cases: int, seed: int, told: float) -> Frozen:
    """Features in which a share `told` of the findings can be read; the report is a noisy copy of the image's vector."""
    rng = np.random.default_rng(seed)
    has = rng.random((cases, len(CONCEPTS))) < 0.4
    mixing = np.random.default_rng(1).standard_normal((len(CONCEPTS), 48))
    image = (told * (has - 0.4)) @ mixing + rng.standard_normal((cases, 48))
    report = image @ np.random.default_rng(2).standard_normal((48, 32)) + 0.1 * rng.standard_normal((cases, 32))
    tokens = rng.standard_normal((cases * 10, 48))
    organs = np.clip(told * tokens[:, :8] * 0.1 + 0.3, 0, 1)
    image, report, stated, tokens, organs = (x.astype(np.float32) for x in (image, report, told * has, tokens, organs))
    return Frozen(image, report, has, stated, tokens, organs)


@cache
def with_a_mass() -> PhantomCase:
    return generate_case(4, spacing_mm=8.0, required=("mass",))


def text_of(text: str) -> np.ndarray:
    rng = np.random.default_rng(sum(text.encode()))
    return rng.standard_normal(32).astype(np.float32)


def test_measures_see_what_can_be_read_and_nothing_else() -> None:
    everyone = np.arange(80)
    auroc = {}
    for told in (0.0, 1.5):
        train, held = frozen(160, 3, told), frozen(80, 4, told)
        findings = measures.counted(train, held)
        found = held.findings_RF[:, findings]
        auroc[told] = [
            measures.macro_auroc(measures.probe_scores(train, held, 1.0, findings, 0), found, everyone),
            measures.macro_auroc(measures.zero_shot_scores(train, held, text_of, 0)[:, findings], found, everyone),
        ]
        error, plain = measures.organ_error(train, held)
        assert (error < 0.8 * plain) == (told > 0)
    assert max(abs(a - 0.5) for a in auroc[0.0]) < 0.06
    assert min(auroc[1.5]) > 0.75


def test_macro_auroc_equals_an_independent_one() -> None:
    rng = np.random.default_rng(9)
    has, scores, rows = rng.random((40, 6)) < 0.3, rng.integers(0, 5, (40, 6)).astype(float), rng.integers(0, 40, 40)
    has[:, 5] = False
    expected = np.mean([roc_auc_score(has[rows, f], scores[rows, f]) for f in range(5)])
    assert measures.macro_auroc(scores, has, rows) == pytest.approx(expected, abs=1e-12)


def test_what_all_cases_share_is_left_to_a_head_without_an_offset() -> None:
    """Findings that most cases lack: the head must be able to say so of all, and then to tell the few that have one."""
    rng = np.random.default_rng(3)
    shared = 5 * rng.standard_normal(48).astype(np.float32)
    train, held = (replace(f, image_RD=f.image_RD + shared) for f in (frozen(160, 3, 1.5), frozen(80, 4, 1.5)))
    moved = measures.layer_normed(held.image_RD)
    assert moved.mean(dim=1).abs().max() < 1e-5
    assert np.corrcoef(moved.mean(dim=0).numpy(), shared)[0, 1] > 0.9
    scores = measures.zero_shot_scores(train, held, text_of, 0)
    rare = train.findings_RF.mean(axis=0) < 0.4
    assert scores[:, rare].mean() < 0


def test_what_is_stated_of_a_box_is_the_evidence_that_its_confidence_is_read_at() -> None:
    torch.manual_seed(3)
    model, tokenizer = Asap(TEST_CONFIG).eval(), WordPiece.from_vocabulary(TEST_WORDS)
    grid = GridConfig(TEST_CONFIG.encoder.spacing_mm, TEST_CONFIG.encoder.volume_shape, TEST_CONFIG.encoder.patch)
    grounder = AsapGrounder(model, tokenizer, name="test", weights_sha256="", grid=grid)
    tokens = int(np.prod(grid.tokens))
    image = torch.rand(1, 1, *TEST_CONFIG.encoder.volume_shape) * 2 - 1
    box = Shown(image, np.zeros((tokens, 8), np.float32), np.zeros(len(CONCEPTS), bool), "A mass.")
    (stated,) = frozen_features(model, tokenizer, [box]).stated_RF
    rows = grounder.encode_sentences([read_sentence(text) for text in wordings_of("mass")])
    evidence = grounder.evidence(grounder.match(rows, grounder.encode_image(image).cells_NC))
    assert stated[CONCEPTS.index("mass")] == pytest.approx(float(evidence.mean()), abs=2e-3)


def test_retrieval_finds_the_own_report_and_equals_share_their_ranks() -> None:
    train, held = frozen(160, 5, 1.0), frozen(60, 6, 1.0)
    assert (measures.retrieval_ranks(train, held, 0) < 5).mean() > 0.5
    blind = replace(held, image_RD=np.zeros_like(held.image_RD), report_RD=np.zeros_like(held.report_RD))
    assert measures.retrieval_ranks(train, blind, 0) == pytest.approx(29.5)


def result(row: str, right: float, seed: int) -> Result:
    """A row that points rightly, and tells findings, more often the larger `right` is."""
    rng = np.random.default_rng(seed)
    found = rng.random((60, 3)) < 0.4
    told = right * found + rng.random((60, 3))
    distances = np.where(rng.random(60) < right, 5.0, 80.0)
    grounding = tuple(Row(n // 2, "mass", True, False, float(mm), mm < 12, 0.6, 0.4, 80.0, 0.1) for n, mm in enumerate(distances))
    cases = tuple(n // 2 for n in range(60))
    return Result(row, seed, 1, 2, grounding, cases, ("mass",) * 3, found, told, told, {}, np.zeros((60, 2)), 0.1, 0.1)


def test_one_row_less_another_is_told_with_an_interval_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asap_training.tasks.statistics.BOOTSTRAP_ROUNDS", 100)
    better, worse = [result("corrected", 0.8, seed) for seed in (0, 1)], [result("published", 0.2, 0)]
    assert difference([*better], "corrected", "published") is None
    line = difference([*better, *worse], "corrected", "published")
    assert line is not None
    for value, low, high in re.findall(r"(-?\.?\d\.\d+) \[(.+?), (.+?)\]", line):
        assert 0 < float(low) < float(value) < float(high)
    assert len(re.findall(r"\[", line)) == 4
    same = difference([replace(worse[0], row="corrected"), *worse], "corrected", "published")
    assert same is not None
    assert same.count("0.00 [0.00, 0.00]") == 4


def test_a_row_computes_only_what_it_is_trained_for() -> None:
    """Losses of weight 0 are not there, and every parameter that asks for a gradient gets one."""
    for name, row in rows.ROWS.items():
        tiny, recipe = small(), row.recipe()
        recipe = replace(recipe, model=tiny.model, decoders=tiny.decoders, report_scope="masked")
        model = PretrainingModel(recipe).train()
        batch = collate([SyntheticReports(recipe)[n] for n in (1, 3)])
        loss, stats = total_loss(model(batch), batch, recipe)
        loss.backward()  # type: ignore[no-untyped-call]
        losses = {"image", "report", "alignment", "anatomy", "region", "study"}
        assert losses & set(stats) == {part for part in losses if getattr(recipe.weights, part)}, name
        without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
        assert not without, (name, without)


def test_the_corrected_recipe_is_the_published_one_with_every_correction() -> None:
    paper = asap_base_paper()
    changed = {name: correction.change(paper) for name, correction in CORRECTIONS.items()}
    assert all(recipe != paper for recipe in changed.values())
    recipe: Recipe = paper
    for correction in reversed(CORRECTIONS.values()):
        recipe = correction.change(recipe)
    assert replace(recipe, name="asap_base") == asap_base()


def test_a_grid_that_is_not_cubic_takes_a_step() -> None:
    tiny = small()
    encoder = replace(tiny.model.encoder, grid=(4, 3, 2), patch=(4, 2, 6))
    recipe = replace(tiny, model=replace(tiny.model, encoder=encoder))
    batch = collate([SyntheticReports(recipe)[n] for n in range(2)])
    model = PretrainingModel(recipe).train()
    loss, _ = total_loss(model(batch), batch, recipe)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)


def test_a_box_tells_what_it_shows_and_nothing_else(tmp_path: Path) -> None:
    """Findings outside a box are not told, those cut by its faces not denied, and its voxels and regions stay where they were."""
    case = with_a_mass()
    case = replace(case, findings=tuple(f for f in case.findings if f.concept == "mass"))
    rng = np.random.default_rng(0)
    lungs = np.argwhere(case.organs["lung"])
    told: set[bool] = set()
    for centre in lungs[:: len(lungs) // 8]:
        box = boxes.box_of(case, centre.astype(float), rng, held_out=False)
        start = np.rint(case.volume.voxel_from_world(box.volume.world_from_voxel(np.zeros(3)))).astype(int)
        cube = tuple(slice(s, s + n) for s, n in zip(start, box.volume.shape, strict=True))
        assert (box.volume.hu == case.volume.hu[cube]).all()
        whole = np.any([finding.region for finding in case.findings], axis=0)[cube]
        assert all(not (finding.region & ~whole).any() and finding.region.any() for finding in box.findings)
        inside = {finding.concept for finding in case.findings if finding.region[cube].any()}
        assert {finding.concept for finding in box.findings} <= inside
        assert not {s.kind for s in box.sentences if s.assertion == "absent"} & inside
        assert all(s.region is None or s.region.any() for s in box.sentences)
        told.add(bool(box.findings))
        save_case(tmp_path, box)
        assert [s.text for s in load_case(tmp_path).sentences] == [s.text for s in box.sentences]
    assert told == {True, False}


def test_boxes_are_cut_once_and_know_their_case(tmp_path: Path) -> None:
    for number in (1, 2):
        save_case(tmp_path / "cases" / f"case-{number:07d}", with_a_mass())
    (tmp_path / "cases" / "case-0000009").mkdir()  # a case whose making was stopped
    out = boxes.cut_boxes(tmp_path / "cases", tmp_path / "out", held_out=True)
    files = sorted(out.glob("*/case.npz"))
    assert {number for number in boxes.case_numbers([file.parent for file in files])} == {1, 2}
    before = [file.stat().st_mtime_ns for file in files]
    boxes.cut_boxes(tmp_path / "cases", out, held_out=True)
    assert [file.stat().st_mtime_ns for file in sorted(out.glob("*/case.npz"))] == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_rows_are_trained_measured_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, first in (("cases", 1), ("held", 50)):
        for seed in range(first, first + 4):
            required = ("mass", "consolidation", "nodule", "ground_glass")[seed % 4 :][:1]
            save_case(tmp_path / folder / f"case-{seed:07d}", generate_case(seed, spacing_mm=6.0, required=required))
    monkeypatch.setattr(rows, "GRID", (4, 4, 4))
    monkeypatch.setattr(rows, "SPACING_MM", (8.0, 8.0, 8.0))
    monkeypatch.setattr("asap_training.ablation.text_encoder.STEPS", 3)
    monkeypatch.setattr(measures, "FEWEST", 1)
    folders = ["--cases", str(tmp_path / "cases"), "--held", str(tmp_path / "held"), "--out", str(tmp_path / "out")]
    small_run = ["--steps", "2", "--batch", "2"]
    names = ["image", "global-contrast", "corrected"]
    monkeypatch.setattr(sys, "argv", ["asap-train ablation", *folders, "--rows", *names, *small_run])
    command.main()
    said = capsys.readouterr().out
    table = [line for line in said.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].strip("| ") for line in table[2:]] == names
    assert len({line.count("|") for line in table}) == 1
    assert {result.row for result in results(tmp_path / "out")} == set(names)
    assert (tmp_path / "out" / command.HEATMAPS_NAME).stat().st_size > 10_000
    command.main()
    assert "done in" not in capsys.readouterr().out  # nothing is trained twice
