"""The 3D Slicer module: it connects the panels, the logic and the application, and does nothing else.

Research use. AI-generated. Not for diagnosis.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import slicer
from AsapSlicerLib import translation
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

if find_spec("asap") is None:  # a source checkout added as module path: the client lies beside this folder
    sys.path.append(str(Path(__file__).resolve().parents[1]))

POLL_MS = 5  # a click waits for the next poll, which costs microseconds


class AsapSlicerModule(ScriptedLoadableModule):
    """What Slicer shows of the module in its menus."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        translation.install_chosen()
        parent.title = _("ASAP report grounding")
        parent.categories = ["Chest Imaging Platform"]
        parent.dependencies = []
        parent.contributors = ["the ASAP contributors"]
        parent.helpText = _(
            "Click a sentence of a chest CT report: the slices jump to the place it speaks of, lit up. "
            "Needs an ASAP server (`asap serve`); a saved review opens without one. "
            "Research use. AI-generated. Not for diagnosis."
        )
        parent.acknowledgementText = _("Method: ASAP, arXiv 2606.00602. Open source under Apache-2.0.")
        slicer.app.connect("startupCompleted()", register_sample_data)


def register_sample_data() -> None:
    """Once Slicer has started: name the public sample CT to its Sample Data module."""
    from AsapSlicerLib.sample_data import register

    register()


class AsapSlicerModuleWidget(ScriptedLoadableModuleWidget):
    """The module's panel."""

    def setup(self) -> None:
        """Build the boxes and start the logic on the scene."""
        ScriptedLoadableModuleWidget.setup(self)
        from AsapSlicerLib.case_panel import CasePanel
        from AsapSlicerLib.label_row import LabelRow
        from AsapSlicerLib.logic import AsapLogic
        from AsapSlicerLib.organ_row import OrganRow
        from AsapSlicerLib.question_panel import QuestionPanel
        from AsapSlicerLib.report_panel import ReportPanel
        from AsapSlicerLib.segment_box import SegmentBox
        from AsapSlicerLib.slice_clicks import SliceClicks
        from AsapSlicerLib.widgets import every
        from AsapSlicerLib.worklist_panel import WorklistPanel

        self.case_panel = CasePanel(self.layout, slicer.mrmlScene)
        self.report_panel = ReportPanel(self.layout)
        self.case_panel.add_display(self.layout)
        self.question_panel = QuestionPanel(self.layout)
        self.organ_row = OrganRow(self.layout)
        self.segment_box = SegmentBox(self.layout)
        self.label_row = LabelRow(self.layout)
        self.worklist_panel = WorklistPanel(self.layout)
        self.layout.addStretch(1)
        self.logic = AsapLogic(slicer.mrmlScene, self.case_panel.is_allowed)
        self.case_panel.start_logic(self.logic)
        self.report_panel.start_logic(self.logic)
        self.question_panel.start_logic(self.logic)
        self.organ_row.start_logic(self.logic)
        self.segment_box.start_logic(self.logic)
        self.label_row.start_logic(self.logic)
        self.worklist_panel.start_logic(self.logic)
        lesion = self.report_panel.lesion
        self.clicks = SliceClicks(self.report_panel.show_place, lesion.tapped, pen=lesion, typed=lesion.typed)
        self.timer = every(POLL_MS, self.logic.background.poll)

    def enter(self) -> None:
        """The module is in front: list the scene's CTs, and a ctrl-click asks about a place."""
        self.case_panel.list_volumes()
        self.segment_box.refresh()
        self.clicks.stop()
        layouts = slicer.app.layoutManager()
        for name in layouts.sliceViewNames():
            widget = layouts.sliceWidget(name)
            self.clicks.watch(widget.sliceView().interactor(), widget.mrmlSliceNode())

    def exit(self) -> None:
        """Another module is in front."""
        self.clicks.stop()

    def cleanup(self) -> None:
        """The module goes: the server frees our cases."""
        self.timer.stop()
        self.clicks.stop()
        self.case_panel.server.close()
        self.logic.close()


class AsapSlicerModuleLogic(ScriptedLoadableModuleLogic):
    """For scripts inside Slicer: `AsapSlicerModuleLogic().asap` is an `AsapLogic` that asks nobody's consent but the script's."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self, parent)
        from AsapSlicerLib.logic import AsapLogic

        self.asap = AsapLogic(slicer.mrmlScene, lambda _url: True)


class AsapSlicerModuleTest(ScriptedLoadableModuleTest):
    """What can be asserted inside Slicer without a server; `Resources/CHECKLIST.md` has what a person must see."""

    def runTest(self) -> None:
        """Every step on an empty scene."""
        from AsapSlicerLib.self_test import STEPS

        for step in STEPS:
            self.setUp()
            step(slicer.mrmlScene)

    def setUp(self) -> None:
        """An empty scene."""
        slicer.mrmlScene.Clear(0)
