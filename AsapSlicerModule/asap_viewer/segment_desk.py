"""Segments on the page: made of the region a sentence speaks of, shown, hidden, taken away, saved as one NIfTI label map."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from AsapSlicerLib import segment_list, volume_nodes
from AsapSlicerLib.lesion_tools import LesionTools
from AsapSlicerLib.logic import AsapLogic
from AsapSlicerLib.organs import Organs
from AsapSlicerLib.segment_files import segments_file

from asap.errors import AsapError
from asap.io.nifti import write_nifti

from .rows import css

FILE = "segments.nii.gz"


class SegmentDesk:
    """What the page asks for. On the scene's thread."""

    def __init__(self, logic: AsapLogic, failed: Callable[[Exception], None]) -> None:
        self._logic, self._failed = logic, failed
        self.organs, self.tools = Organs(logic), LesionTools(logic)
        self._measuring = segment_list.Measuring()
        self._counted: tuple[tuple[int, ...], list[dict[str, Any]]] = ((), [])

    def acts(self) -> dict[str, Callable[..., Any]]:
        """What the page can trigger, by the names it uses."""
        return {
            "show_segment": lambda identity, shown: self.show(str(identity), bool(shown)),
            "remove_segment": lambda identity: self.remove(str(identity)),
            "segments_file": self.file,
            "segments_whole": self.whole,
        }

    def correcting(self) -> dict[str, Any] | None:
        """The lesion that clicks make or correct now, as the page shows it; None without one."""
        lesions = self._logic.lesions
        if not lesions.active:
            return None
        said = lesions.prompt
        strokes = len(said.include_strokes) + len(said.exclude_strokes)
        counted = {"inside": len(said.include), "outside": len(said.exclude), "stroke" + "s" * (strokes > 1): strokes}
        words = [f"{number} {what}" for what, number in counted.items() if number] + ["a box"] * (said.box is not None)
        return {
            "told": self.tools.told,
            "said": ", ".join(words) + " \u2026" * lesions.asking if lesions.measures else "",
            "tool": self.tools.tool,
            "can_undo": lesions.can_undo,
            "can_redo": lesions.can_redo,
            "can_finish": lesions.step is not None or lesions.waits,
        }

    def targets(self) -> list[dict[str, str]]:
        """Organs and labels that can be drawn by name; none where the server draws none."""
        return [{"key": key, "name": name} for key, name in self.organs.targets().items()] if self.organs.offered else []

    def show(self, identity: str, shown: bool) -> None:
        """Show or hide one."""
        segment_list.show_segment(self._logic.scene, self._logic.volume, identity, shown=shown)

    def remove(self, identity: str) -> None:
        """Take one away."""
        segment_list.remove_segment(self._logic.scene, self._logic.volume, identity)

    def file(self) -> bytes:
        """All segments on the CT's voxels as .nii.gz, labels from 1 in the order of the list; empty where that cannot be."""
        volume = self._logic.volume
        if volume is None:
            return b""
        try:
            labels, _names = segment_list.label_map(self._logic.scene, volume)
            with tempfile.TemporaryDirectory(prefix="asap-view-") as folder:
                path = Path(folder) / FILE
                write_nifti(path, labels, volume_nodes.ijk_to_ras(volume))
                return path.read_bytes()
        except (ValueError, AsapError) as error:
            self._failed(error)
            return b""

    def whole(self) -> bytes:
        """All segments, each whole where they overlap, as .seg.nrrd with names, colours and codes; empty where that cannot be."""
        volume = self._logic.volume
        if volume is None:
            return b""
        try:
            return segments_file(self._logic.scene, volume)
        except ValueError as error:
            self._failed(error)
            return b""

    def rows(self) -> list[dict[str, Any]]:
        """What the page lists."""
        scene, volume = self._logic.scene, self._logic.volume
        stamp = () if volume is None else segment_list.stamp(scene, volume)
        if stamp != self._counted[0]:
            self._counted = (stamp, [_row(row) for row in segment_list.segment_rows(scene, volume, self._measuring)])
        return self._counted[1]


def _row(row: segment_list.SegmentRow) -> dict[str, Any]:
    found = row.measures
    facts = [f"{found.longest_mm:.0f} mm"] + ([] if found.mean_hu is None else [f"{found.mean_hu:.0f} HU"])
    return {
        "id": row.identity,
        "text": row.name,
        "colour": css(row.colour),
        "size": size_text(found.millilitres),
        "facts": ", ".join(facts),
        "measures": found.text,
        "shown": row.shown,
    }


def size_text(millilitres: float) -> str:
    """A volume as a reader says it."""
    return f"{millilitres:.1f} ml" if millilitres < 10 else f"{millilitres:.0f} ml"
