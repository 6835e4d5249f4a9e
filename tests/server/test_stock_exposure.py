"""What MONAI Label lets a caller do that it should not (C.7 of its review): one test for each line, on the real server."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from asap.volume import Volume
from tests.server.http_requests import ask, ask_form, ask_json
from tests.server.live import LiveServer

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow

CLIMBS = ("../", "..%2f", "%2e%2e/", "..\\", "....//", "%252e%252e/", "..%00/", "/", "file:///", "~/", "C:\\", "//host/")
PLACES = (
    "etc/passwd", "outside", "outside.nii.gz", "../outside", "x/../../outside", "studies/../outside.nrrd", ".", "..", "",
    "token", "labels/final/x", "datastore_v2.json", ".lock", "\r\nX: y", "a" * 300, "con", "outside\x00.nii.gz",
)  # fmt: skip
PATHS = tuple(climb + place for climb in CLIMBS for place in PLACES)
SENTENCE = {"params": json.dumps({"sentence": "The heart is normal."})}


def quoted(text: str) -> str:
    """For a query or a path, with what is already an escape kept."""
    from urllib.parse import quote

    return quote(text, safe="%")


def files_of(server: LiveServer) -> dict[str, bytes]:
    """Everything below the test's own folder and the studies, but for the server's private folder and its log."""
    root = server.log.parent
    kept = [path for path in root.rglob("*") if path.is_file() and server.temp not in path.parents and path != server.log]
    return {str(path.relative_to(root)): path.read_bytes() for path in kept}


def test_there_are_two_hundred_paths() -> None:
    assert len(set(PATHS)) >= 200


def test_no_token_no_answer_and_loopback_only(live: LiveServer) -> None:
    for method, target in (("GET", "/info/"), ("GET", "/datastore/"), ("GET", "/asap/v1/info"), ("POST", "/infer/asap-mini")):
        assert ask(live, method, target, token=None).status == 401
    tables = "".join(Path(f"/proc/{live.pid}/net/{table}").read_text() for table in ("tcp", "tcp6"))
    addresses = [line.split()[1] for line in tables.splitlines() if " 0A " in line]
    listening = [address for address in addresses if address.endswith(f":{live.port:04X}")]
    assert listening == [f"0100007F:{live.port:04X}"]


def test_a_foreign_page_gets_no_permission(live: LiveServer) -> None:
    for method in ("GET", "OPTIONS"):
        answer = ask(live, method, "/info/", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"})
        assert answer.status == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_paths_as_names_reach_nothing(live: LiveServer, study: str, phantom: tuple[Path, Volume]) -> None:
    (live.log.parent / "outside.nii.gz").write_bytes(phantom[0].read_bytes())
    before = files_of(live)
    small = phantom[0].read_bytes()[:100]
    for number, path in enumerate(PATHS):
        name = quoted(path)
        answers = [
            ask(live, "GET", f"/datastore/image?image={name}"),
            ask(live, "GET", f"/datastore/label?label={name}&tag={name}"),
            ask(live, "GET", f"/session/{name}?image=true"),
            ask(live, "DELETE", f"/session/{name}"),
            ask_form(live, "POST", f"/infer/asap-mini?image={name}", SENTENCE),
            ask_form(live, "PUT", f"/datastore/label?image={study}&tag={name}", files={"label": ("x.nii.gz", small)}),
        ]
        # A path that ends at a folder or is dropped by the client's own encoding may find a route, never a file.
        assert all(400 <= answer.status < 500 for answer in answers), (number, [answer.status for answer in answers])
        assert not any(b"root:" in answer.body for answer in answers)
    assert files_of(live) == before


def test_an_upload_cannot_leave_the_folder(live: LiveServer, phantom: tuple[Path, Volume]) -> None:
    """The content is a good volume, so that only the name can be refused. What is left of a name may be plain: then it is kept
    under that name, as any other."""
    whole = phantom[0].read_bytes()
    before = files_of(live)
    for path in PATHS[::4]:
        name = path.replace("\r\n", "").replace('"', "")
        by_query = ask_form(live, "PUT", f"/datastore/image?image={quoted(path)}", files={"file": ("x.nii.gz", whole)})
        by_file = ask_form(live, "PUT", "/datastore/image", files={"file": (f"{name}.nii.gz", whole)})
        assert by_query.status in (404, 422), path
        assert by_file.status in (200, 422), path
    after = files_of(live)
    new = after.keys() - before.keys() - {"studies/datastore_v2.json"}
    assert all(Path(name).parent == Path("studies") for name in new)
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed <= {"studies/datastore_v2.json"}
    for name in new:
        image = Path(name).name.removesuffix(".nii.gz")
        assert ask(live, "DELETE", f"/datastore/image?id={quoted(image)}", token="admin").status == 200
    assert files_of(live).keys() - {"studies/datastore_v2.json"} == before.keys() - {"studies/datastore_v2.json"}


@pytest.mark.parametrize("name", ["x.py", "x.pt", "x.json", "x.nii.gz.sh", "x", "x.zip", "x.xml", "x.svs", "x.jpg", ""])
def test_only_volumes_are_taken(live: LiveServer, study: str, name: str) -> None:
    before = files_of(live)
    for method, target, field in (
        ("PUT", "/datastore/image?image=x", "file"),
        ("PUT", "/datastore/?image=x", "file"),
        ("PUT", f"/datastore/label?image={study}", "label"),
        ("PUT", "/session/", "files"),
        ("POST", "/infer/asap-mini", "file"),
    ):
        assert 400 <= ask_form(live, method, target, SENTENCE, {field: (name, b"x = 1")}).status < 500
    assert files_of(live) == before


def test_a_file_that_is_no_volume_is_not_kept(live: LiveServer) -> None:
    before = files_of(live)
    answer = ask_form(live, "PUT", "/datastore/image?image=fake", files={"file": ("fake.nii.gz", b"not an image")})
    assert answer.status == 422
    assert files_of(live) == before


@pytest.mark.parametrize("key", ["image", "device", "model_filename", "label", "save_label", "roi_size", "logging"])
def test_parameters_that_are_not_written_down_are_refused(live: LiveServer, study: str, key: str) -> None:
    params = json.dumps({"sentence": "The heart is normal.", key: "/etc/passwd"})
    answer = ask_form(live, "POST", f"/infer/asap-mini?image={study}&output=json", {"params": params})
    assert answer.status == 422
    assert "/etc/passwd" not in answer.body.decode()


@pytest.mark.parametrize(
    "params",
    ["[]", "null", "1", '"x"', "{", "[" * 100_000, '{"sentence": 1}', '{"sentence": ""}', "{}",
     '{"sentence": "x", "fine": "yes"}', '{"sentence": "x", "result_extension": ".py"}'],
    ids=range(11),
)  # fmt: skip
def test_malformed_parameters_are_refused(live: LiveServer, study: str, params: str) -> None:
    assert ask_form(live, "POST", f"/infer/asap-mini?image={study}", {"params": params}).status == 422


def test_unknown_models_and_strategies_do_not_exist(live: LiveServer, study: str) -> None:
    assert ask_form(live, "POST", f"/infer/other?image={study}", SENTENCE).status == 404
    assert ask_json(live, "POST", "/activelearning/other", {}).status == 404
    assert ask_json(live, "POST", "/train/asap-mini", {}, token="admin").status == 404


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/reload"), ("PUT", "/model/asap-mini"), ("DELETE", "/model/asap-mini"), ("GET", "/proxy/dicom/qido/studies"),
        ("POST", "/proxy/dicom/stow/studies"), ("GET", "/logs/"), ("GET", "/logs/gpu"), ("GET", "/ohif/index.html"),
        ("GET", "/static/ohif/index.html"), ("POST", "/infer/wsi/asap-mini"), ("POST", "/batch/infer/asap-mini"), ("GET", "/"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("token", ["user", "admin"])
def test_dangerous_routes_are_off_for_everybody(live: LiveServer, method: str, target: str, token: str) -> None:
    assert ask(live, method, target, token=token).status == 403


@pytest.mark.parametrize(
    ("method", "target"),
    [("DELETE", "/datastore/image?id=phantom"), ("DELETE", "/datastore/?id=phantom"), ("GET", "/datastore/dataset"),
     ("POST", "/train/"), ("GET", "/model/asap-mini")],
)  # fmt: skip
def test_routes_of_administrators_want_their_token(live: LiveServer, study: str, method: str, target: str) -> None:
    assert ask(live, method, target, token="user").status == 403
    assert ask(live, "GET", f"/datastore/image?image={study}").status == 200


def test_archives_are_not_unpacked(live: LiveServer, phantom: tuple[Path, Volume]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(phantom[0], "../../outside.nii.gz")
    before = files_of(live)
    for name in ("x.tar.gz", "x.nii.gz"):
        answer = ask_form(live, "PUT", "/session/?uncompress=true", files={"files": (name, packed.getvalue())})
        assert answer.status == 422
    assert files_of(live) == before


def test_errors_of_stock_routes_are_sentences_without_values(live: LiveServer) -> None:
    answer = ask(live, "PUT", "/datastore/image/info?image=DOE%5EJANE", b"info=DOE", headers={"Content-Type": "text/plain"})
    assert set(answer.json()["error"]) == {"code", "message", "id"}
    assert "DOE" not in answer.body.decode()


def test_the_log_names_no_patient_path_token_or_parameter(live: LiveServer, study: str, phantom: tuple[Path, Volume]) -> None:
    secret = "Doe^Jane1970"
    params = {"params": json.dumps({"sentence": f"The heart of {secret} is normal.", secret: 1})}
    ask_form(live, "POST", f"/infer/asap-mini?image={study}", params)
    ask_form(live, "POST", f"/infer/asap-mini?image={study}", {"params": json.dumps({"sentence": f"Heart of {secret}."})})
    ask_form(live, "POST", f"/infer/{secret}?image={secret}", {"params": secret})
    ask_form(live, "PUT", f"/datastore/image?image={quoted(secret)}", {"params": secret}, {"file": (f"{secret}.nii.gz", b"x")})
    ask_form(live, "PUT", f"/datastore/label?image={study}&tag=review", {"params": json.dumps({"name": secret})},
             {"label": (f"{secret}.nii.gz", phantom[0].read_bytes())})  # fmt: skip
    ask_form(live, "PUT", "/session/", None, {"files": (f"{secret}.nii.gz", phantom[0].read_bytes())})
    ask_json(live, "POST", "/activelearning/random", {"client_id": secret})
    ask(live, "GET", f"/{secret}?{secret}={secret}", headers={"User-Agent": secret, "Cookie": secret})
    ask(live, "GET", "/info/", token=secret)
    log = live.log.read_text(errors="replace")
    assert "POST /infer/{model} 200" in log
    for word in (secret, "Doe", live.token, live.admin_token, str(live.studies), str(live.temp), study, "The heart"):
        assert word not in log.replace(f"token in {live.log.parent / 'token'}", ""), word
    names = [path.name for path in live.temp.rglob("*")] + [path.name for path in live.studies.rglob("*")]
    assert not [name for name in names if "Doe" in name]
