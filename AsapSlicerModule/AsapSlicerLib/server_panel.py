"""The server box: a server of one's own started and stopped here, or the address of another; what it is and how it is. Qt."""

from __future__ import annotations

from typing import Any

import qt

from .diagnostics import diagnostics
from .events import Event
from .i18n import _
from .logic import AsapLogic
from .own_server import OwnServer
from .widgets import Box, button, every, label, read, row

URL_KEY, HISTORY_KEY, PYTHON_KEY = "ASAP/ServerUrl", "ASAP/ServerUrlHistory", "ASAP/ServerPython"
DEFAULT_URL = "http://127.0.0.1:8000"
HISTORY = 10
LOOK_MS, HEALTH_MS = 500, 5000
LOG_HEIGHT = 90
KEPT_ERRORS = 5


class ServerPanel:
    """`start_logic` is called once the logic exists; `close` when the module goes."""

    def __init__(self, layout: Any, settings: Any) -> None:
        self._settings = settings
        self._logic: AsapLogic | None = None
        self._errors: list[str] = []
        self.own: OwnServer | None = None
        self.box = Box("Server", _("Server"), layout, opened=True)
        form = self.box.form
        self._build_address(form)
        self._build_own(form)
        self.server_text = label("AsapServer")
        self.server_text.setText(_("Not connected."))
        self.copy = button(
            _("Copy diagnostics"), _("Versions and the last errors, without names, places or reports, to paste."), self._copy
        )
        form.addRow(self.server_text)
        form.addRow(self.copy)

    def start_logic(self, logic: AsapLogic) -> None:
        """Listen from now on, and look after the server."""
        self._logic = logic
        self.own = OwnServer(logic.background, self._own_changed, self._connect_own)
        logic.listeners.append(self.on_event)
        self._timers = [every(LOOK_MS, self._look), every(HEALTH_MS, logic.refresh)]
        self._own_changed()

    def close(self) -> None:
        """End what was started here."""
        for timer in self._timers:
            timer.stop()
        if self.own is not None:
            self.own.close()

    def on_event(self, event: Event) -> None:
        """The logic has news."""
        if event.kind == "error" and event.message:
            self._errors = [*self._errors, event.message][-KEPT_ERRORS:]
        if event.kind == "server":
            self._show_models()
            self.box.suggest(opened=self._logic is None or self._logic.server is None)
        if event.kind in ("server", "health"):
            self._show_server(event.message if event.kind == "health" else "")

    # building

    def _build_address(self, form: Any) -> None:
        self.url = qt.QComboBox()
        self.url.setEditable(True)
        self.url.setInsertPolicy(qt.QComboBox.NoInsert)
        self.url.setAccessibleName(_("Server address"))
        self.url.setToolTip(_("Addresses used before are in the list."))
        for address in self._history():
            self.url.addItem(address)
        self.url.setEditText(str(self._settings.value(URL_KEY) or DEFAULT_URL))
        self.token = qt.QLineEdit()
        self.token.setEchoMode(qt.QLineEdit.Password)
        self.token.setAccessibleName(_("Token"))
        self.token.setToolTip(_("What `asap serve` wrote into its token file. It is kept until Slicer closes."))
        self.token.returnPressed.connect(lambda *_args: self._connect())
        self.test = button(_("Test connection"), _("Ask the server who it is; an error names the reason."), self._connect)
        self.disconnect = button(_("Disconnect"), _("The server frees all it holds of us."), self._disconnect)
        self.models = qt.QComboBox()
        self.models.setAccessibleName(_("Model"))
        self.models.currentIndexChanged.connect(lambda *_args: self._model_chosen())
        form.addRow(_("Address:"), self.url)
        form.addRow(_("Token:"), self.token)
        form.addRow(row(self.test, self.disconnect))
        form.addRow(_("Model:"), self.models)

    def _build_own(self, form: Any) -> None:
        self.python = qt.QLineEdit()
        self.python.setText(str(self._settings.value(PYTHON_KEY) or ""))
        self.python.setPlaceholderText(_("Python or asap command of the server's environment"))
        self.python.setAccessibleName(_("Environment of the local server"))
        self.choose = button(
            _("Choose..."), _("Choose the python or the asap command of the server's environment."), self._choose
        )
        self.start = button(_("Start local server"), _("Start a server on this computer; it ends with Slicer."), self._start)
        self.stop = button(_("Stop local server"), _("End the server that was started here."), self._stop)
        self.log = qt.QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName(_("Log of the local server"))
        self.log.setMaximumHeight(LOG_HEIGHT)
        self.log.setVisible(False)
        form.addRow(_("Local server:"), row(self.python, self.choose))
        form.addRow(row(self.start, self.stop))
        form.addRow(self.log)

    # the reader acts

    def _connect(self) -> None:
        if self._logic is not None:
            url = str(read(self.url, "currentText")).strip()
            self._remember(url)
            self.server_text.setText(_("Asking the server."))
            self._logic.connect(url, str(read(self.token, "text")).strip() or None)

    def _connect_own(self, url: str, token: str) -> None:
        if self._logic is not None:
            self.url.setEditText(url)
            self._logic.connect(url, token)

    def _disconnect(self) -> None:
        if self._logic is not None:
            self._logic.disconnect()

    def _choose(self) -> None:
        chosen = qt.QFileDialog.getOpenFileName(None, _("The server's python or asap command"), "", "")
        name = chosen if isinstance(chosen, str) else chosen[0]
        if name:
            self.python.setText(name)

    def _start(self) -> None:
        typed = str(read(self.python, "text")).strip()
        self._settings.setValue(PYTHON_KEY, typed)
        if self.own is not None:
            self.own.start(typed)

    def _stop(self) -> None:
        if self.own is not None and self._logic is not None:
            self._logic.disconnect()
            self.own.stop()

    def _model_chosen(self) -> None:
        if self._logic is not None and int(read(self.models, "currentIndex")) >= 0:
            self._logic.parameters.model = str(read(self.models, "currentText"))

    def _copy(self) -> None:
        if self._logic is not None:
            text = diagnostics(self._logic.server, self._logic.url, self._logic.volume, self._errors)
            qt.QApplication.clipboard().setText(text)

    # what is shown

    def _history(self) -> list[str]:
        return str(self._settings.value(HISTORY_KEY) or "").split()

    def _remember(self, url: str) -> None:
        history = [url, *(old for old in self._history() if old != url)][:HISTORY]
        self._settings.setValue(URL_KEY, url)
        self._settings.setValue(HISTORY_KEY, " ".join(history))
        self.url.clear()
        for address in history:
            self.url.addItem(address)
        self.url.setEditText(url)

    def _look(self) -> None:
        if self.own is None:
            return
        self.own.look()
        log = self.own.log
        if log and log != str(read(self.log, "plainText")):
            self.log.setVisible(True)
            self.log.setPlainText(log)
            bar = self.log.verticalScrollBar()
            bar.setValue(bar.property("maximum"))

    def _own_changed(self) -> None:
        if self.own is None:
            return
        self.start.setEnabled(self.own.state == "off")
        self.stop.setEnabled(self.own.state in ("starting", "running"))
        words = {"starting": _("The local server is starting."), "stopping": _("The local server is stopping.")}
        said = self.own.trouble or words.get(self.own.state, "")
        if said:
            self.server_text.setText(said)
        elif self._logic is not None and self._logic.server is None:
            self.server_text.setText(_("Not connected."))
        if self.own.trouble:
            self._errors = [*self._errors, self.own.trouble][-KEPT_ERRORS:]

    def _show_models(self) -> None:
        info = self._logic.server if self._logic is not None else None
        self.models.blockSignals(True)
        self.models.clear()
        names = [model.name for model in info.models] if info is not None else []
        for name in names:
            self.models.addItem(name)
        chosen = self._logic.model if self._logic is not None else None
        self.models.setCurrentIndex(names.index(chosen.name) if chosen is not None else -1)
        if chosen is not None:
            self.models.setToolTip(chosen.card)
        self.models.blockSignals(False)

    def _show_server(self, trouble: str) -> None:
        info = self._logic.server if self._logic is not None else None
        self.disconnect.setEnabled(info is not None)
        self.box.button.setText(
            _("Server") if info is None else _("Server: does not answer") if trouble else _("Server: connected")
        )
        if trouble or info is None:
            self.server_text.setText(trouble or _("Not connected."))
            return
        text = _("ASAP {version} on {device}, {queue} waiting, {sessions} of {limit} sessions open.")
        self.server_text.setText(
            text.format(
                version=info.version,
                device=info.device,
                queue=info.queue_length,
                sessions=info.sessions_open,
                limit=info.sessions_limit,
            )
        )
