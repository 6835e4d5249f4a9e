"""The guards alone, around an application that only says it was reached: who is let through, and what never is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

pytest.importorskip("uvicorn", reason="needs the server: pip install 'asap-ct[server]'")

from asap import limits
from asap.commands.serve import Serve
from monailabel_app.server import guards
from monailabel_app.server.auth import Tokens
from monailabel_app.server.guards import Guards
from monailabel_app.server.policies import STOCK_ROUTES, find_rule
from monailabel_app.server.settings import checked

Said = TypeVar("Said")
ROOT = Path(__file__).parents[2]
TOKEN, ADMIN = "u" * 43, "a" * 43
PAGE = "http://viewer.example:3000"
OPEN = {("GET", "/auth/"), ("POST", "/auth/token")}
CONCRETE = {"{model}": "asap-mini", "{path}": "x", "{strategy}": "random", "{session_id}": "s", "{method}": "m"}


class Answer:
    """What a client would have received."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])


async def reached(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and tells the headers it was given."""
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    body = json.dumps({"size": size, "headers": [name.decode() for name, _ in scope["headers"]]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"max-age=60")]})
    await send({"type": "http.response.body", "body": body})


def ask(
    method: str,
    path: str,
    *,
    token: str | None = TOKEN,
    headers: dict[str, str] | None = None,
    query: str = "",
    body: Sequence[bytes] = (),
    client: str = "127.0.0.1",
    app: Any = reached,
    **options: Any,
) -> Answer:
    """One request to guards with the given settings."""
    settings = checked(Serve(allow_origin=(PAGE,), token_file=Path("token"), **options))
    sent = {"host": "127.0.0.1:8000"} | ({"authorization": f"Bearer {token}"} if token is not None else {}) | (headers or {})
    if body:
        sent.setdefault("content-length", str(sum(map(len, body))))
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value != "absent"]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": pairs, "client": (client, 5),
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in body]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    async def send(message: Any) -> None:
        messages.append(message)

    finished(Guards(app, settings, Tokens(TOKEN, ADMIN))(scope, receive, send))
    return Answer(messages)


def finished(work: Coroutine[Any, Any, Said]) -> Said:
    """The outcome of asynchronous work, on a thread of its own: a browser another file keeps open holds this one's loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def concrete(path: str) -> str:
    for name, value in CONCRETE.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize(("method", "path"), sorted(STOCK_ROUTES))
def test_every_stock_route_wants_the_token_its_policy_names(method: str, path: str) -> None:
    policy = STOCK_ROUTES[method, path].policy
    asked = concrete(path)
    statuses = [ask(method, asked, token=token).status for token in (None, "wrong" * 9, TOKEN, ADMIN)]
    assert statuses == {
        "open": [200, 200, 200, 200],
        "read": [401, 401, 200, 200],
        "token": [401, 401, 200, 200],
        "admin": [401, 401, 403, 200],
        "off": [401, 401, 403, 403],
    }[policy]  # fmt: skip
    assert (policy == "open") == ((method, path) in OPEN)


@pytest.mark.slow
def test_every_route_monai_label_has_is_in_the_table() -> None:
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    from asap.torchvision_guard import guard_torchvision

    guard_torchvision()
    from monailabel.endpoints import (
        activelearning,
        batch_infer,
        datastore,
        infer,
        info,
        logs,
        model,
        ohif,
        proxy,
        scoring,
        session,
        train,
        wsi_infer,
    )  # fmt: skip

    modules = (
        activelearning, batch_infer, datastore, infer, info, logs, model, ohif, proxy, scoring, session, train, wsi_infer,
    )  # fmt: skip
    theirs = {(method, route.path.replace(":path", "")) for m in modules for route in m.router.routes for method in route.methods}
    assert theirs <= set(STOCK_ROUTES)
    assert len(theirs) > 40


@pytest.mark.parametrize("path", ["/asap/v1/info", "/asap/v1/nothing", "/nothing", "/", "/docs", "/../info/"])
def test_no_other_route_answers_without_a_token(path: str) -> None:
    assert ask("GET", path, token=None).status == 401


def test_health_needs_no_token_and_unknown_routes_do_not_exist() -> None:
    assert ask("GET", "/asap/v1/health", token=None).status == 200
    assert ask("POST", "/asap/v1/health", token=None).status == 401
    assert ask("GET", "/nothing").status == 404
    assert ask("TRACE", "/info/").status == 404


@pytest.mark.parametrize(
    "value", ["", "Bearer", f"Basic {TOKEN}", f"bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer " + "u" * 5000, "Bearer é"]
)
def test_wrong_credentials_are_refused(value: str) -> None:
    answer = ask("GET", "/info/", token=None, headers={"authorization": value})
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_two_authorization_headers_are_no_authorization() -> None:
    from monailabel_app.server.auth import bearer_token

    header = (b"authorization", f"Bearer {TOKEN}".encode())
    assert bearer_token([header]) == TOKEN
    assert bearer_token([header, header]) == ""


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "[::2]", "127.0.0.1@evil",
     "absent"],
)  # fmt: skip
def test_foreign_host_names_are_refused(host: str) -> None:
    assert ask("GET", "/asap/v1/health", headers={"host": host}).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9", "LOCALHOST:8000", "[::1]:8000", "ct.example:443"])
def test_own_host_names_are_answered(host: str) -> None:
    assert ask("GET", "/asap/v1/health", headers={"host": host}, allow_host=("CT.example",)).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://viewer.example", "https://viewer.example:3000", ""])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_foreign_pages_are_refused_and_never_told_they_may(method: str, origin: str) -> None:
    answer = ask(method, "/info/", headers={"origin": origin, "access-control-request-method": "GET"})
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_allowed_page_gets_its_preflight_and_no_credentials() -> None:
    preflight = ask("OPTIONS", "/info/", token=None, headers={"origin": PAGE, "access-control-request-method": "GET"})
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == PAGE
    answer = ask("GET", "/info/", headers={"origin": PAGE})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert "access-control-allow-credentials" not in {**preflight.headers, **answer.headers}
    assert ask("GET", "/info/", token=None, headers={"origin": PAGE}).status == 401


def test_a_cross_site_request_without_origin_is_refused() -> None:
    assert ask("GET", "/info/", headers={"sec-fetch-site": "cross-site"}).status == 403
    assert ask("GET", "/info/", headers={"sec-fetch-site": "none"}).status == 200


def test_the_application_sees_neither_origin_nor_range() -> None:
    answer = ask("GET", "/info/", headers={"origin": PAGE, "range": "bytes=0-1"})
    assert not {"origin", "range"} & set(json.loads(answer.body)["headers"])


def test_open_loopback_opens_reading_and_inference_to_this_machine_only() -> None:
    for (method, path), rule in STOCK_ROUTES.items():
        here = ask(method, concrete(path), token=None, open_loopback=True).status
        assert (here == 200) == (rule.policy in ("open", "read")), (method, path)
    assert ask("GET", "/info/", token=None, open_loopback=True, client="10.0.0.8").status == 401
    assert ask("GET", "/asap/v1/info", token=None, open_loopback=True).status == 401


def test_a_switch_turns_on_its_own_routes_and_no_other() -> None:
    from monailabel_app.server.policies import SWITCHES

    switched = {switch: {route for route, rule in STOCK_ROUTES.items() if rule.switch == switch} for switch in SWITCHES}
    assert switched["reload"] == {("POST", "/reload")}
    assert {method for method, _ in switched["dicom-proxy"]} == {"GET"}
    for switch in SWITCHES:
        for (method, path), rule in STOCK_ROUTES.items():
            before, after = find_rule(method, concrete(path)), find_rule(method, concrete(path), {switch})
            assert before is not None
            assert after is not None
            assert before.name == after.name == path
            assert before.rule.policy == rule.policy
            assert (after.rule.policy != rule.policy) == ((method, path) in switched[switch])


@pytest.mark.parametrize("path", ["/asap/v1/sessions", "/infer/asap-mini", "/session/"])
def test_chunked_bodies_are_refused(path: str) -> None:
    method = "PUT" if path == "/session/" else "POST"
    answer = ask(method, path, headers={"transfer-encoding": "chunked"})
    assert (answer.status, answer.code) == (411, "length_required")


@pytest.mark.parametrize(
    ("method", "path", "largest"),
    [
        ("PUT", "/asap/v1/studies/abc/parts/0", limits.MAX_PART_BYTES),
        ("PUT", "/session/", limits.MAX_UPLOAD_BYTES),
        ("POST", "/infer/asap-mini", limits.MAX_UPLOAD_BYTES),
        ("POST", "/train/", 2**20),
    ],
)
def test_bodies_are_measured_before_they_are_read(method: str, path: str, largest: int) -> None:
    answer = ask(method, path, token=ADMIN, headers={"content-length": str(largest + 1)})
    assert (answer.status, answer.code) == (413, "too_large")
    found = find_rule(method, path)
    assert found is not None
    assert found.rule.body_bytes == largest


def test_a_length_without_a_body_does_not_hold_up_a_question() -> None:
    async def reads_nothing(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    answer = ask("GET", "/info/", headers={"content-length": "5000"}, app=reads_nothing)
    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_body_passes_whole() -> None:
    answer = ask("POST", "/asap/v1/sessions", body=[b"x" * 1000] * 3)
    assert (answer.status, json.loads(answer.body)["size"]) == (200, 3000)


def test_a_long_query_is_refused() -> None:
    assert ask("GET", "/info/", query="q" * guards.MAX_QUERY_BYTES).status == 200
    answer = ask("GET", "/info/", query="q" * (guards.MAX_QUERY_BYTES + 1))
    assert (answer.status, answer.code) == (414, "query_too_long")


def test_every_answer_carries_the_headers_against_caching_and_guessing() -> None:
    for answer in (ask("GET", "/info/"), ask("GET", "/info/", token=None), ask("GET", "/nothing")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_an_unforeseen_error_becomes_a_sentence_with_an_id(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError("DOE^JANE /data/secret.dcm")

    with caplog.at_level("INFO"):
        answer = ask("GET", "/info/", app=breaks)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"]) == (500, "internal")
    assert error["id"] in caplog.text
    assert "DOE" not in caplog.text + answer.body.decode()
    assert "secret" not in caplog.text + answer.body.decode()


def test_the_log_line_holds_nothing_the_caller_chose(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        ask("GET", "/session/DOE^JANE", query="name=DOE")
        ask("GET", "/DOE^JANE")
        ask("DOE", "/asap/v1/DOE", headers={"user-agent": "DOE"})
        ask("GET", "/asap/v1/DOE")
    lines = [record.getMessage() for record in caplog.records if record.name == "asap.access"]
    assert len(lines) == 4
    assert not [line for line in lines if "DOE" in line]
    assert lines[0].startswith("GET /session/{session_id} 200 ")


def test_a_body_that_stops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "BODY_IDLE_S", 0.05)
    monkeypatch.setattr(guards, "DRAIN_S", 0.05)

    async def waits(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(3600)

    async def slow() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(3600)
            return {}

        async def send(message: Any) -> None:
            sent.append(message)

        settings = checked(Serve(token_file=Path("token")))
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode()), (b"content-length", b"10")]
        scope = {"type": "http", "method": "POST", "path": "/asap/v1/sessions", "query_string": b"", "headers": headers}
        await asyncio.wait_for(Guards(waits, settings, Tokens(TOKEN, None))(scope, receive, send), 5)
        return sent

    answer = Answer(finished(slow()))
    assert answer.status == 408
    assert answer.headers["connection"] == "close"


def test_the_readme_has_the_table_of_every_stock_route() -> None:
    rows = re.findall(r"^\| `(/[^`]*)` \| (.+) \| (.+) \|$", (ROOT / "monailabel_app" / "README.md").read_text(), re.MULTILINE)
    told = {
        (method, path): policy
        for path, rules, _ in rows
        for methods, policy in (rule.split(" ") for rule in rules.split(", "))
        for method in methods.split("/")
    }
    assert told == {route: rule.policy for route, rule in STOCK_ROUTES.items()}
    usual = {"read": "`--open-loopback`", "admin": "`--admin-token-file`"}
    for path, _, told_switches in rows:
        rules = {method: rule for (method, name), rule in STOCK_ROUTES.items() if name == path}
        switches = [f"`--turn-on {r.switch}`: {method} {r.turned_on}" for method, r in rules.items() if r.switch]
        switches += [switch for policy, switch in usual.items() if policy in {rule.policy for rule in rules.values()}]
        assert told_switches == (", ".join(switches) or "none")
