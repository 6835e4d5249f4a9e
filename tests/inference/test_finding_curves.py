"""Curves of findings belong to one trunk, are refused when damaged, and are surer of what is asked than of what is looked for."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from asap.client.client import AsapClient
from asap.commands.answer_options import Report
from asap.errors import WeightsError
from asap.inference.drafting import DEFAULT_THRESHOLD
from asap.inference.finding_curves import FILE_NAME, Line, PresenceCurve, curves_as_json, load_curves
from asap.models.catalog import model_folder
from asap.models.manifest import read_manifest
from asap.text.statements import WORDINGS

TRUNK = "a" * 64
CURVES = {"nodule": PresenceCurve(Line(1.0, 0.0), Line(0.8, -2.2)), "mass": PresenceCurve(Line(2.0, 0.5), Line(2.0, -1.0))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FILE_NAME).write_bytes(curves_as_json(CURVES, weights_sha256=TRUNK, source="a test", licence="Apache-2.0"))
    return tmp_path


def test_they_load_for_their_own_trunk_only(folder: Path) -> None:
    assert load_curves(folder, TRUNK) == CURVES
    assert load_curves(folder, "b" * 64) is None
    assert load_curves(folder / "elsewhere", TRUNK) is None


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {"asked": [1.0, 0.0]},
        {"asked": [1.0], "unasked": [1.0, 0.0]},
        {"asked": [1.0, "x"], "unasked": [1.0, 0.0]},
        {"asked": [-1.0, 0.0], "unasked": [1.0, 0.0]},
        {"asked": [float("nan"), 0.0], "unasked": [1.0, 0.0]},
    ],
)
def test_curves_that_cannot_be_read_are_refused(folder: Path, entry: object) -> None:
    record = json.loads((folder / FILE_NAME).read_text())
    record["curves"]["nodule"] = entry
    (folder / FILE_NAME).write_text(json.dumps(record))
    with pytest.raises(WeightsError):
        load_curves(folder, TRUNK)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weights_sha256": 1, "curves": {}}', "[" * 5000, " " * 200_000])
def test_a_file_that_is_something_else_is_refused(folder: Path, text: str) -> None:
    (folder / FILE_NAME).write_text(text)
    with pytest.raises(WeightsError):
        load_curves(folder, TRUNK)


def test_a_finding_nobody_knows_is_refused(folder: Path) -> None:
    data = curves_as_json({"gremlin": CURVES["mass"]}, weights_sha256=TRUNK, source="a test", licence="Apache-2.0")
    (folder / FILE_NAME).write_bytes(data)
    with pytest.raises(WeightsError):
        load_curves(folder, TRUNK)


def test_what_is_asked_is_more_probable_than_what_is_merely_looked_for() -> None:
    curve = CURVES["nodule"]
    assert curve.probability(0.0, asked=True) == pytest.approx(0.5)
    assert curve.probability(0.0, asked=False) == pytest.approx(0.0998, abs=1e-4)
    assert curve.probability(50.0, asked=True) == 0.99
    assert curve.probability(-50.0, asked=False) == pytest.approx(0.01)


def test_the_shipped_curves_belong_to_the_shipped_trunk() -> None:
    shipped = model_folder("asap-mini")
    curves = load_curves(shipped, read_manifest(shipped).weights_sha256)
    assert curves is not None
    assert set(curves) <= set(WORDINGS)
    assert {"mass", "consolidation", "pleural_effusion", "nodule"} <= set(curves)
    assert all(curve.unasked.probability(0.0) < curve.asked.probability(0.0) for curve in curves.values())


def test_command_client_and_engine_hold_back_under_the_same_probability() -> None:
    told = inspect.signature(AsapClient.draft_report).parameters["threshold"].default
    assert told == Report.__dataclass_fields__["threshold"].default == DEFAULT_THRESHOLD
