"""Labelling over MONAI Label's routes: what is asked, what is sent, and one clear sentence where it cannot be."""

from __future__ import annotations

import json
from email import message_from_bytes

import pytest

from asap.client import AsapClient, ClientError, NotFound, RequestRefused, ServerUnreachable, Strategy
from tests.client.scripted import TOKEN, Play, Scripted, answer, closed_port, refusal

STOCK_INFO = {"strategies": {"random": {"description": "Any"}, "combined": {"description": "Unlike and uncertain"}}}


def test_the_server_says_how_it_can_choose_and_which_study_is_next(server: Scripted, client: AsapClient) -> None:
    server.play("GET /info/", answer(200, STOCK_INFO))
    assert client.strategies() == [Strategy("random", "Any"), Strategy("combined", "Unlike and uncertain")]
    server.play("POST /activelearning/combined", answer(200, {"id": "case7", "weight": 1}), answer(200, {}))
    assert client.next_sample("combined") == "case7"
    assert client.next_sample("combined") is None, "all are labelled"
    with pytest.raises(NotFound, match=r"^The server has no such strategy\.$"):
        server.play("POST /activelearning/other", refusal(404, "not_found", "The server has no such strategy."))
        client.next_sample("other")


def test_an_image_comes_as_it_is_and_is_known_by_its_digest(server: Scripted, client: AsapClient) -> None:
    data = bytes(range(256)) * 40_000  # more than any other answer may have
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nContent-Length: %d\r\n\r\n" % len(data)
    server.play(r"GET /datastore/image\?image=case\+7", Play((head, data)))
    assert client.datastore_image("case 7") == data
    server.play(r"HEAD /datastore/image\?image=case\+7&check_sum=SHA256%3Aab", answer(200), Play((
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 93\r\n\r\n",
    )))  # fmt: skip
    assert client.holds_image("case 7", "ab")
    assert not client.holds_image("case 7", "ab")


def test_a_label_is_sent_with_its_names_and_no_file_name_of_this_computer(server: Scripted, client: AsapClient) -> None:
    server.play(r"PUT /datastore/label\?image=case7&tag=final", answer(200, {"image": "case7", "label": "case7"}))
    client.save_label("case7", b"NRRD\0\r\n--", ["Heart", "Mass"])
    sent = server.asked[-1]
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    whole = message_from_bytes(b"Content-Type: " + sent.headers["content-type"].encode() + b"\r\n\r\n" + sent.body)
    params, label = whole.get_payload()
    assert json.loads(params.get_payload())["label_info"] == [{"name": "Heart", "idx": 1}, {"name": "Mass", "idx": 2}]
    assert (label.get_filename(), label.get_payload(decode=True)) == ("label.seg.nrrd", b"NRRD\0\r\n--")
    with pytest.raises(ValueError, match="name ends in"):
        client.save_label("case7", b"", ["Heart"], ending=".exe")


def test_a_refusal_and_a_dead_server_are_one_sentence(server: Scripted, client: AsapClient) -> None:
    said = "The studies folder can only be read here: neither images, nor labels or notes are kept in it."
    server.play("PUT /datastore/label.*", refusal(422, "unprocessable", said))
    with pytest.raises(RequestRefused) as refused:
        client.save_label("case7", b"NRRD", ["Heart"])
    assert str(refused.value) == said
    dead = AsapClient(f"http://127.0.0.1:{closed_port()}", TOKEN)
    for ask in (lambda: dead.next_sample("random"), lambda: dead.save_label("a", b"", ["b"]), lambda: dead.datastore_image("a")):
        with pytest.raises(ServerUnreachable, match="Start it with `asap serve`"):
            ask()
    assert issubclass(ServerUnreachable, ClientError)
