"""Another model is chosen on the page: it encodes the open CT and reads the open report again; decisions stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_bench import REPORT, Reader, small_ct
from tests.client import scripted

OTHER = {**scripted.INFO["models"][0], "name": "asap-base", "weights_sha256": "cd" * 32}


class TwoModels(scripted.Scripted):
    """The scripted server with a second model; keeps which model was asked to do what."""

    def __init__(self) -> None:
        self.asked_of: list[tuple[str, str]] = []
        super().__init__(wait_for_jobs=False)

    def _submit(self, asked: scripted.Asked) -> scripted.Play:
        play = super()._submit(asked)
        self.asked_of.append((self.question["task"], self.question["model"]))
        return play


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoModels]:
    monkeypatch.setitem(scripted.INFO, "models", [*scripted.INFO["models"], OTHER])
    with TwoModels() as running:
        yield running


def with_report(server: TwoModels) -> Reader:
    """A bench with a CT and a report, its first sentence accepted."""
    reader = Reader(server)
    reader.bench.open_case(lambda: small_ct(0))
    reader.until(lambda page: page["study"]["ready"] and reader.bench.logic.case is not None)
    reader.bench.read_report(REPORT)
    reader.until(lambda page: page["sections"] and not page["task"]["active"])
    reader.bench.decide(0, "accepted")
    return reader


def states(page: dict[str, Any]) -> list[str]:
    return [row["state"] for section in page["sections"] for row in section["sentences"]]


def test_the_page_offers_what_the_server_has(server: TwoModels, monkeypatch: pytest.MonkeyPatch) -> None:
    fine_tuned = {"name": "unetr", "weights_sha256": "ef" * 32, "labels": ["Tumour"]}
    monkeypatch.setitem(scripted.INFO, "label_models", [fine_tuned])
    monkeypatch.setitem(scripted.INFO, "capabilities", ["encode", "ground", "segment"])
    reader = with_report(server)
    assert reader.page["organs"][-1] == {"key": "unetr/Tumour", "name": "Tumour (unetr)"}
    assert reader.page["models"] == ["asap-mini", "asap-base"]
    assert reader.page["model"] == "asap-mini"
    reader.bench.close()


def test_the_other_model_encodes_the_ct_and_reads_the_report_again(server: TwoModels) -> None:
    reader = with_report(server)
    server.asked_of.clear()
    reader.bench.models.choose("asap-base")
    page = reader.until(lambda page: ("ground", "asap-base") in server.asked_of and not page["task"]["active"])
    assert page["model"] == "asap-base"
    assert server.asked_of == [("encode", "asap-base"), ("ground", "asap-base")]
    assert states(page)[0] == "accepted"
    reader.bench.close()


def test_an_unknown_model_changes_nothing(server: TwoModels) -> None:
    reader = with_report(server)
    server.asked_of.clear()
    reader.bench.models.choose("no-such-model")
    assert reader.page["model"] == "asap-mini"
    assert server.asked_of == []
    reader.bench.close()


def test_a_signed_report_is_not_read_again(server: TwoModels) -> None:
    reader = with_report(server)
    reader.bench.decide(1, "accepted")
    reader.bench.reviewing.name_reader("Dr Example")
    reader.bench.reviewing.sign()
    assert reader.page["signed"]
    server.asked_of.clear()
    reader.bench.models.choose("asap-base")
    reader.until(lambda page: ("encode", "asap-base") in server.asked_of and not page["task"]["active"])
    assert server.asked_of == [("encode", "asap-base")]
    reader.bench.close()
