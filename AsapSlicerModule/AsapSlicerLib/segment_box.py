"""The box of the CT's segments: where they go, how large each is, on to the Segment Editor, saved as a file. Qt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer

from .events import Event
from .i18n import _
from .logic import AsapLogic
from .report_export import write_whole
from .segment_files import ENDING, segments_file
from .segment_list import Measuring, segment_rows, stamp
from .segments import choose_segmentation, segmentation_choices, segmentation_for, segmentation_of
from .widgets import Box, button, label, read, row, say

EDITOR = "SegmentEditor"
NEWS = ("segment", "case", "report", "error", "label", "server")


class SegmentBox:
    """Listens to the logic; `refresh` when the module comes to the front again."""

    def __init__(self, layout: Any) -> None:
        self._logic: AsapLogic | None = None
        self._choices: list[Any] = []
        self._measuring, self._seen = Measuring(), ()
        self.box = Box("Segments", _("Segments"), layout)
        form = self.box.form
        self.target = qt.QComboBox()
        self.target.setAccessibleName(_("Segmentation new segments go into"))
        self.target.setToolTip(_("A segmentation of your own keeps its segments; new ones are added to it."))
        self.target.currentIndexChanged.connect(lambda *_args: self._chosen())
        self.list = label("AsapSegments")
        self.list.setVisible(False)
        self.edit = button(
            _("Edit in Segment Editor"),
            _("Finish the lesion at hand and go on in Slicer's own editor with these segments and this CT."),
            self._edit,
        )
        self.save = button(
            _("Save segments..."), _("All of them with names, colours and codes, each whole where they overlap."), self._save
        )
        form.addRow(_("Into:"), self.target)
        form.addRow(self.list)
        form.addRow(row(self.edit, self.save))
        self.refresh()

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on."""
        self._logic = logic
        logic.listeners.append(self.on_event)
        self.refresh()

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind in NEWS:
            self.refresh()

    def refresh(self) -> None:
        """Show what the scene holds now, whoever has changed it."""
        logic = self._logic
        volume = None if logic is None else logic.volume
        self._list_targets(logic, volume)
        seen = () if logic is None or volume is None else (volume.GetID(), *stamp(logic.scene, volume))
        if seen != self._seen and logic is not None:
            self._seen = seen
            rows = segment_rows(logic.scene, volume, self._measuring) if seen else []
            say(self.list, "\n".join(f"{one.name.rstrip('.')}: {one.measures.text}" for one in rows))
        self.edit.setEnabled(volume is not None)
        self.save.setEnabled(bool(self.list.text if isinstance(self.list.text, str) else self.list.text()))

    def _list_targets(self, logic: AsapLogic | None, volume: Any) -> None:
        own = _("ASAP segments")
        nodes = [] if logic is None else segmentation_choices(logic.scene, volume)
        names = [own, *(node.GetName() for node in nodes)]
        known = [self.target.itemText(n) for n in range(int(read(self.target, "count")))]
        self.target.blockSignals(True)
        if names != known or nodes != self._choices[1:]:
            self.target.clear()
            self.target.addItems(names)
        self._choices = [None, *nodes]
        chosen = None if logic is None or volume is None else segmentation_of(logic.scene, volume)
        self.target.setCurrentIndex(self._choices.index(chosen) if chosen in nodes else 0)
        self.target.blockSignals(False)

    def _chosen(self) -> None:
        index = int(read(self.target, "currentIndex"))
        if self._logic is None or self._logic.volume is None or not 0 <= index < len(self._choices):
            return
        self._logic.lesions.finish()
        choose_segmentation(self._logic.scene, self._logic.volume, self._choices[index])
        self._logic.tell(Event("segment"))

    def _edit(self) -> None:
        if self._logic is None or self._logic.volume is None:
            return
        lesions, volume = self._logic.lesions, self._logic.volume
        at_hand = lesions.identity
        lesions.finish()
        node = segmentation_for(self._logic.scene, volume)
        slicer.util.selectModule(EDITOR)
        editor = slicer.util.getModuleWidget(EDITOR).editor
        editor.setSegmentationNode(node)
        editor.setSourceVolumeNode(volume)
        if at_hand and node.GetSegmentation().GetSegment(at_hand) is not None:
            editor.setCurrentSegmentID(at_hand)
        self._logic.tell(Event("segment"))

    def _save(self) -> None:
        if self._logic is None or self._logic.volume is None:
            return
        chosen = qt.QFileDialog.getSaveFileName(None, _("Save segments"), f"segments{ENDING}", f"Segmentation (*{ENDING})")
        name = str(chosen[0] if isinstance(chosen, tuple) else chosen)
        if not name:
            return
        path = Path(name if name.endswith(ENDING) else name + ENDING)
        try:
            write_whole(path, segments_file(self._logic.scene, self._logic.volume))
        except ValueError as error:
            self._logic.fail(error)
        except OSError:
            self._logic.fail(ValueError(_("The segments could not be written there; choose another folder.")))
