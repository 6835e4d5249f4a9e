"""One server at a time: who it is, whether cases may go there, and what a worker needs to ask it. No window, no drawing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from asap.client import AsapClient, ClientError, ModelInfo, Progress, ServerInfo

from .background import Background, Work
from .cases import Cases, OpenCase, Plan, case_source
from .events import Event
from .i18n import _
from .parameters import Parameters

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class Session:
    """All methods are for the GUI thread and return at once. consent: see `AsapLogic`."""

    def __init__(
        self,
        background: Background,
        parameters: Parameters,
        consent: Callable[[str], bool],
        *,
        tell: Callable[[Event], None],
        failed: Callable[[Exception], None],
        progressed: Callable[[Progress], None],
    ) -> None:
        self.server: ServerInfo | None = None
        self.url = ""
        self.client: AsapClient | None = None
        self.cases = Cases()
        self._background, self._parameters = background, parameters
        self._consent, self._tell, self._failed, self._progressed = consent, tell, failed, progressed
        self._consented: set[str] = set()
        self._waiting: Callable[[], None] | None = None

    def connect(self, url: str, token: str | None) -> None:
        """Ask a server who it is; ends in the event "server", or "error" that names the reason."""
        try:
            client = AsapClient(url, token or None)
        except ClientError as error:
            self._failed(error)
            return

        def connected(info: ServerInfo) -> None:
            self.client, self.server, self.url = client, info, url
            client.keep_alive()
            self._tell(Event("server", _("Connected to ASAP {version}.").format(version=info.version)))

        self._background.start(lambda _work: client.info(), done=connected, failed=self._failed, key="server")

    def disconnect(self) -> None:
        """End the session: the server frees all it holds of us."""
        self._background.cancel("server")
        self._background.cancel("health")
        client, self.client, self.server = self.client, None, None
        self.cases = Cases()
        if client is not None:
            self._background.start(lambda _work: client.close(), done=lambda _none: None, failed=_quiet)
            self._tell(Event("server"))

    def refresh(self) -> None:
        """Ask the server again how it is; ends in the event "health", with a message when it does not answer."""
        client = self.client
        if client is None or self._background.is_busy("health"):
            return

        def well(info: ServerInfo) -> None:
            if client is self.client:
                self.server = info
                self._tell(Event("health"))

        self._background.start(
            lambda _work: client.info(), done=well, failed=lambda error: self._tell(Event("health", str(error))), key="health"
        )

    @property
    def model(self) -> ModelInfo | None:
        """The model that will answer: the chosen one if the server has it, else the server's default."""
        names = {model.name: model for model in self.server.models} if self.server is not None else {}
        return names.get(self._parameters.model or "") or names.get(self.server.default_model if self.server is not None else "")

    def can(self, task: str) -> bool:
        """Whether the server offers a kind of work, such as "segment"."""
        return self.server is not None and task in self.server.capabilities

    def allow(self) -> None:
        """The reader agrees that cases go to this server; what waited for that goes on."""
        self._consented.add(self.url)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()

    def plan(self, volume: Any, again: Callable[[], None]) -> Plan | None:
        """What a worker needs to ask about a volume; None where something is missing or the reader must agree first.

        again: called by `allow()` in the second case. The event "error" or "consent" has been told then.
        """
        client, model = self.client, self.model
        try:
            if client is None or model is None:
                raise ValueError(_("There is no server yet; enter its address and test the connection."))
            if volume is None:
                raise ValueError(_("There is no CT yet; load one and choose it."))
            source = case_source(volume)
        except ValueError as error:
            self._failed(error)
            return None
        if self.url not in self._consented and not self._consent(self.url):
            self._waiting = again
            self._tell(Event("consent", self.url))
            return None
        self._consented.add(self.url)
        return Plan(client, self.cases, source, model, self._parameters.fine)

    def ask_about(
        self,
        volume: Any,
        key: str,
        act: Callable[[Work, Plan, str], Answer],
        *,
        done: Callable[[Plan, OpenCase, Answer, Any], None],
        again: Callable[[], None],
        seen: bool,
        full: bool = False,
    ) -> None:
        """Ask the server about a volume in the background, bringing the case there first where that was not done.

        act: on another thread, with the study's id. done: with the answer, and what the model saw unless that is `seen` already.
        again: see `plan`. full: see `Plan.on_study`.
        """
        if (plan := self.plan(volume, again)) is None:
            return

        def run(work: Work) -> tuple[OpenCase, tuple[Answer, Any]]:
            def asked(study: str) -> tuple[Answer, Any]:
                return act(work, plan, study), None if seen else plan.client.study(study).coverage

            return plan.on_study(work, asked, full=full)

        def arrived(result: tuple[OpenCase, tuple[Answer, Any]]) -> None:
            case, (answer, coverage) = result
            done(plan, case, answer, coverage)

        self._background.start(run, done=arrived, failed=self._failed, progressed=self._progressed, key=key)
        self._progressed(Progress(_("asking the server"), 0.0))  # it can be cancelled before the server says anything

    def refuse(self) -> None:
        """The reader does not agree; what waited is dropped."""
        self._waiting = None

    def release(self, node_id: str | None) -> None:
        """Let the server free a volume node's case, or all."""
        client, cases = self.client, self.cases
        if client is not None and (node_id is None or cases.holds(node_id)):
            self._background.start(lambda _work: cases.release(client, node_id), done=lambda _none: None, failed=_quiet)


def _quiet(error: Exception) -> None:
    log.info("asap: the server could not be told to free a case (%s)", type(error).__name__)
