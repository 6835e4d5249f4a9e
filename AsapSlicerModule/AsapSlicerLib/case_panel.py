"""Case and display boxes of the module, under the server's. Qt."""

from __future__ import annotations

from typing import Any

import qt
import slicer

from .events import Event
from .i18n import _
from .logic import AsapLogic
from .server_panel import ServerPanel
from .widgets import Box, button, label, read, row, say

ALLOWED_KEY = "ASAP/AllowedServers"
PERCENT = 100
THRESHOLD_PERCENT = (25, 95)
DONE = ("report", "question", "exported")  # what was under way ended in one of these
VOLUME_CLASS = "vtkMRMLScalarVolumeNode"


class CasePanel:
    """From the server to the slider: everything but the report. `start_logic` is called once the logic exists."""

    def __init__(self, layout: Any, scene: Any) -> None:
        self._scene = scene
        self._logic: AsapLogic | None = None
        self._nodes: list[Any] = []
        self._under_way = False
        self._settings = qt.QSettings()
        banner = label("AsapBanner")
        banner.setText(_("Research use. AI-generated. Not for diagnosis."))
        banner.setFrameShape(qt.QFrame.StyledPanel)
        layout.addWidget(banner)
        self.server = ServerPanel(layout, self._settings)
        self.case_box = Box("Case", _("Case"), layout, opened=True)
        self._build_case(self.case_box.form)
        self.status = label("AsapStatus")
        self.status.setVisible(False)
        layout.addWidget(self.status)

    def add_display(self, layout: Any) -> None:
        """The display box; it stands below the report, where the hand is."""
        self._build_display(Box("Display", _("Display"), layout).form)

    def start_logic(self, logic: AsapLogic) -> None:
        """Show what the scene brought and listen from now on."""
        self._logic = logic
        logic.listeners.append(self.on_event)
        self.server.start_logic(logic)
        self._read_parameters()
        self.list_volumes()
        self._enable()

    def is_allowed(self, url: str) -> bool:
        """Whether the reader agreed earlier that cases go to this server."""
        return url in str(self._settings.value(ALLOWED_KEY) or "").split()

    def list_volumes(self) -> None:
        """Fill the list of CTs from the scene."""
        if hasattr(slicer, "qMRMLNodeComboBox") or self._logic is None:
            return
        count = self._scene.GetNumberOfNodesByClass(VOLUME_CLASS)
        nodes = [self._scene.GetNthNodeByClass(n, VOLUME_CLASS) for n in range(count)]
        self._nodes = [None, *(node for node in nodes if not node.GetAttribute("ASAP.role"))]
        self.volumes.blockSignals(True)
        self.volumes.clear()
        for node in self._nodes:
            self.volumes.addItem(_("Choose a CT") if node is None else node.GetName())
        chosen = self._logic.volume
        self.volumes.setCurrentIndex(self._nodes.index(chosen) if chosen in self._nodes else 0)
        self.volumes.blockSignals(False)

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind == "consent":
            self.case_box.show()
            self.consent.setVisible(True)
            self.consent_text.setText(
                _("Encoding sends this CT, resampled and without names, and the sentences to {server}.").format(
                    server=event.message
                )
            )
        elif event.kind == "progress":
            self.progress.setRange(0, PERCENT if event.share is not None else 0)
            self.progress.setValue(round(PERCENT * (event.share or 0.0)))
        elif event.kind == "case":
            self.list_volumes()
            self._show_case()
            say(self.status, "")
        elif event.kind == "report":
            self._read_parameters()
            self.list_volumes()
        if event.kind in DONE and self._under_way:
            say(self.status, "")
            self._show_case()
            self._under_way = False
        if event.message and event.kind in ("server", "progress", "error"):
            say(self.status, event.message)
            self._under_way = event.kind == "progress"
        self._enable()

    # boxes

    def _build_case(self, form: Any) -> None:
        if hasattr(slicer, "qMRMLNodeComboBox"):
            self.volumes = slicer.qMRMLNodeComboBox()
            self.volumes.nodeTypes = [VOLUME_CLASS]
            self.volumes.addEnabled = self.volumes.removeEnabled = self.volumes.renameEnabled = False
            self.volumes.noneEnabled = True
            self.volumes.setMRMLScene(self._scene)
            self.volumes.currentNodeChanged.connect(lambda *_args: self._volume_chosen())
        else:
            self.volumes = qt.QComboBox()
            self.volumes.currentIndexChanged.connect(lambda *_args: self._volume_chosen())
        self.volumes.setAccessibleName(_("CT volume"))
        self.encode = button(_("Encode"), _("Bring the case to the server once; then every sentence is quick."), self._encode)
        self.cancel = button(_("Cancel"), _("Stop what is under way."), self._cancel)
        self.progress = qt.QProgressBar()
        self.progress.setRange(0, PERCENT)
        self.progress.setValue(0)
        self.coverage = label("AsapCoverage")
        self.coverage.setVisible(False)
        self.consent = qt.QFrame()
        self.consent.setFrameShape(qt.QFrame.StyledPanel)
        inside = qt.QVBoxLayout(self.consent)
        self.consent_text = label("AsapConsent")
        inside.addWidget(self.consent_text)
        self.allow = button(_("Send"), _("Agree for this server, now and later."), lambda: self._answer_consent(True))
        self.refuse = button(_("Do not send"), _("Nothing leaves this computer."), lambda: self._answer_consent(False))
        inside.addLayout(row(self.allow, self.refuse))
        self.consent.setVisible(False)
        form.addRow(_("CT:"), self.volumes)
        form.addRow(row(self.encode, self.cancel))
        form.addRow(self.consent)
        form.addRow(self.progress)
        form.addRow(self.coverage)

    def _build_display(self, form: Any) -> None:
        self.opacity = qt.QSlider(qt.Qt.Horizontal)
        self.opacity.setRange(0, PERCENT)
        self.opacity.setAccessibleName(_("Opacity of the heat"))
        self.opacity.valueChanged.connect(lambda *_args: self._display_changed())
        self.threshold = qt.QSlider(qt.Qt.Horizontal)
        self.threshold.setRange(*THRESHOLD_PERCENT)
        self.threshold.setAccessibleName(_("Threshold of the heat"))
        self.threshold.setToolTip(_("Share of a map's highest value; cooler places are not drawn."))
        self.threshold.valueChanged.connect(lambda *_args: self._threshold_changed())
        self.legend = qt.QCheckBox(_("Legend"))
        self.legend.toggled.connect(lambda *_args: self._display_changed())
        self.outline = qt.QCheckBox(_("Outline at the threshold"))
        self.outline.toggled.connect(lambda *_args: self._display_changed())
        form.addRow(_("Opacity:"), self.opacity)
        form.addRow(_("Threshold:"), self.threshold)
        form.addRow(row(self.legend, self.outline))

    # the reader acts

    def _volume_chosen(self) -> None:
        if self._logic is None:
            return
        if hasattr(slicer, "qMRMLNodeComboBox"):
            self._logic.choose_volume(self.volumes.currentNode())
        else:
            self._logic.choose_volume(self._nodes[int(read(self.volumes, "currentIndex"))])

    def _encode(self) -> None:
        if self._logic is not None:
            self._logic.encode()
            self._enable()

    def _cancel(self) -> None:
        if self._logic is not None:
            self._logic.cancel()
            self.progress.setRange(0, PERCENT)
            self.progress.setValue(0)

    def _answer_consent(self, agreed: bool) -> None:
        self.consent.setVisible(False)
        if self._logic is None:
            return
        if not agreed:
            say(self.status, _("Nothing was sent."))
            return
        allowed = str(self._settings.value(ALLOWED_KEY) or "").split()
        self._settings.setValue(ALLOWED_KEY, " ".join(sorted({*allowed, self._logic.url})))
        self._logic.session.allow()
        self._enable()

    def _display_changed(self) -> None:
        if self._logic is not None:
            parameters = self._logic.parameters
            parameters.opacity = int(read(self.opacity, "value")) / PERCENT
            parameters.legend = bool(read(self.legend, "checked"))
            parameters.outline = bool(read(self.outline, "checked"))
            self._logic.redraw()

    def _threshold_changed(self) -> None:
        if self._logic is not None:
            self._logic.parameters.threshold = int(read(self.threshold, "value")) / PERCENT
            self._logic.redraw()

    # what is shown

    def _read_parameters(self) -> None:
        if self._logic is None:
            return
        parameters = self._logic.parameters
        share = 0.5 if parameters.threshold is None else parameters.threshold
        for widget, setter, value in (
            (self.opacity, "setValue", round(PERCENT * parameters.opacity)),
            (self.threshold, "setValue", round(PERCENT * share)),
            (self.legend, "setChecked", parameters.legend),
            (self.outline, "setChecked", parameters.outline),
        ):
            widget.blockSignals(True)
            getattr(widget, setter)(value)
            widget.blockSignals(False)

    def _show_case(self) -> None:
        case = self._logic.case if self._logic is not None else None
        self.progress.setRange(0, PERCENT)
        self.progress.setValue(PERCENT if case is not None else 0)
        if case is None:
            say(self.coverage, "")
            return
        came = _("The server's own copy is used.") if case.origin == "datastore" else _("The case was sent to the server.")
        say(self.coverage, f"{came} {case.seen.sentence if case.seen is not None else ''}".strip())

    def _enable(self) -> None:
        logic = self._logic
        ready = logic is not None and logic.server is not None and logic.volume is not None
        busy = logic is not None and logic.busy
        self.encode.setEnabled(ready and not busy)
        self.cancel.setEnabled(busy)
