"""What can be asserted inside Slicer without a server: heat drawn on its place, decisions kept, a segment cut, a report written.

The same steps run in Slicer's own test runner and over slicer-core. Every step takes an empty scene and raises AssertionError.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from asap.client import HeatmapBox
from asap.client.protocol import ground_answer
from asap.client.wire import pack_map
from asap.review import new_review

from . import review_nodes, volume_nodes
from .logic import AsapLogic
from .report_export import write_report

SHAPE, SPACING_MM = (40, 40, 40), 3.0
CELLS, CELL_MM, WARM = (10, 10, 10), 12.0, (5, 6, 7)
PEAK = tuple(CELL_MM * n for n in WARM)
SENTENCES = ("A nodule in the right lung.", "The heart is normal in size.")
WAIT_S = 60.0


def check(holds: object, what: str) -> None:
    """As assert, but never switched off."""
    if not holds:
        raise AssertionError(what)


def opened(scene: Any) -> tuple[AsapLogic, Any]:
    """A logic over a CT in the scene, with a review of two sentences as a server would have answered them."""
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    volume_nodes.set_volume(volume, np.zeros(SHAPE, np.float32), affine)
    levels = np.zeros(CELLS, np.uint8)
    levels[tuple(slice(n - 1, n + 2) for n in WARM)] = 40
    levels[WARM] = 63
    rows = tuple(tuple(CELL_MM if i == j and i < 3 else float(i == j) for j in range(4)) for i in range(4))
    box = pack_map(HeatmapBox(CELLS, rows, CELLS, (0, 0, 0), 1.0, 0.5, levels.tobytes()))
    sentences = [
        {
            "index": index, "text": text, "section": "findings", "assertion": "present", "laterality": None, "localisable": True,
            "reason": None, "confidence": 0.8, "peak_ras_mm": list(PEAK), "tokens": 3, "threshold": 0.5,
            "side_check": "not applicable", "span": [0, len(text)], "map": box, "fine_map": None,
        }
        for index, text in enumerate(SENTENCES)
    ]  # fmt: skip
    model = {"name": "self-test", "weights_sha256": "0" * 64}
    answer = ground_answer(
        {"task": "ground", "study": "0" * 32, "model": model, "notice": "Research use.", "sentences": sentences}
    )
    logic = AsapLogic(scene, lambda _url: False)
    logic.choose_volume(volume)
    logic.review = new_review(" ".join(SENTENCES), answer)
    review_nodes.save(scene, logic.review, volume)
    return logic, volume


def a_sentence_lights_up(scene: Any) -> None:
    """Showing a sentence puts heat over the CT and the slices at its peak; clearing gives the views back."""
    logic, volume = opened(scene)
    check(logic.show([0]), "the sentence has a map")
    node = logic.view.display.heatmap_node()
    check(node.GetImageData().GetDimensions() == CELLS, "the heat stands on the model's own cells")
    check(logic.view.display.jump(volume, PEAK) == PEAK, "the slices jump to the peak")
    found = logic.sentences_at(PEAK)
    check([index for index, _share in found] == [0, 1], "both sentences speak of the peak")
    logic.clear()
    check(not logic.view.shown, "nothing is shown after clearing")
    logic.view.display.remove()
    check(logic.view.display.heatmap_node() is None, "removing leaves no node")
    logic.close()


def decisions_are_kept(scene: Any) -> None:
    """Accept, edit and undo are written into the scene; another logic over the same scene reads them."""
    logic, _volume = opened(scene)
    logic.decide(0, "accepted")
    logic.edit(1, "The heart is enlarged.")
    check(logic.review is not None and logic.review.reviewed == 2, "two sentences are reviewed")
    check(logic.undo() == ("sentence", 1), "the edit is taken back")
    other = AsapLogic(scene, lambda _url: False)
    check(other.review == logic.review, "the scene holds the review")
    other.close()
    logic.close()


def a_segment_is_cut(scene: Any) -> None:
    """The region of a sentence becomes a segment with a name."""
    logic, _volume = opened(scene)
    logic.make_segment(0)
    check(logic.wait_for_completion(WAIT_S), "the cut ends")
    made = logic.regions.made
    check(made is not None, "there is a segment")
    if made is not None:
        check(made[0].GetSegmentation().GetSegment(made[1]).GetName() == SENTENCES[0], "it has the sentence as its name")
    logic.close()


def a_report_is_written(scene: Any) -> None:
    """The reviewed report goes into a file whole."""
    logic, _volume = opened(scene)
    logic.decide(0, "accepted")
    with tempfile.TemporaryDirectory() as folder:
        check(logic.review is not None, "there is a review")
        if logic.review is not None:
            write_report(Path(folder) / "report.txt", logic.review)
        check(SENTENCES[0] in (Path(folder) / "report.txt").read_text(encoding="utf-8"), "the sentence stands in the file")
    logic.close()


STEPS: tuple[Callable[[Any], None], ...] = (a_sentence_lights_up, decisions_are_kept, a_segment_is_cut, a_report_is_written)
