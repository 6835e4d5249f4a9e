"""Which of the server's models answers: what the page offers, and what happens when another one is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .workbench import WorkBench


class ModelChoice:
    """The models of the connected server."""

    def __init__(self, bench: WorkBench) -> None:
        self._bench = bench

    @property
    def names(self) -> list[str]:
        """What there is to choose from; empty until a server is connected."""
        server = self._bench.logic.server
        return [model.name for model in server.models] if server is not None else []

    @property
    def chosen(self) -> str:
        """The model that answers, or "" before there is one."""
        model = self._bench.logic.model
        return model.name if model is not None else ""

    def choose(self, name: str) -> None:
        """Let another model answer from now on: it encodes the open CT, and a report that is still open is read again by it.

        Decisions on sentences stay; names the server does not have change nothing.
        """
        bench = self._bench
        if name not in self.names or name == self.chosen:
            return
        bench.logic.parameters.model = name
        if bench.logic.volume is None:
            return
        review = bench.logic.review
        open_report = review.report if review is not None and review.signature is None else ""
        bench.read_when_ready = open_report != "" and open_report == bench.report_text
        self._encode(name)

    def _encode(self, name: str) -> None:
        self._bench.begin(f"Encoding the CT for {name}", lambda: self._encode(name))
        self._bench.logic.encode()
