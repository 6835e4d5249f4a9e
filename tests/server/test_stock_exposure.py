"""What MONAI Label 0.8.5 lets a caller do that it should not: each of the twelve findings by its own test, on the real server.

1 no sign-in, all interfaces. 2 any web page. 3 uploads that leave the folder, of any kind. 4 parameters that name files.
5 /reload for anybody. 6 weights over the network. 7 archives unpacked. 8 the archive's proxy. 9 a sign-in that refuses all
tokens. 10 a client that trusts any certificate (`test_tls.py`). 11 temporary names that others may take. 12 holes of libraries.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import re
import stat
import tarfile
from pathlib import Path

import pytest

from asap.volume import Volume
from tests.server.http_requests import ask, ask_form, ask_json
from tests.server.live import LiveServer

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")

from monailabel_app.server.policies import STOCK_ROUTES

pytestmark = pytest.mark.slow

CLIMBS = ("../", "..%2f", "%2e%2e/", "..\\", "....//", "%252e%252e/", "..%00/", "/", "file:///", "~/", "C:\\", "//host/")
PLACES = (
    "etc/passwd", "outside", "outside.nii.gz", "../outside", "x/../../outside", "studies/../outside.nrrd", ".", "..", "",
    "token", "labels/final/x", "datastore_v2.json", ".lock", "\r\nX: y", "a" * 300, "con", "outside\x00.nii.gz",
)  # fmt: skip
PATHS = tuple(climb + place for climb in CLIMBS for place in PLACES)
OPEN = {("GET", "/asap/v1/health"), ("GET", "/auth/"), ("POST", "/auth/token")}
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


def test_1_no_token_no_answer_and_loopback_only(live: LiveServer) -> None:
    document = ask(live, "GET", "/openapi.json").json()["paths"]
    ours = {(method.upper(), path) for path, methods in document.items() for method in methods}
    wanted = sorted(ours | set(STOCK_ROUTES) - OPEN)
    assert len(wanted) > 60
    for method, path in wanted:
        if (method, path) in OPEN:
            continue
        target = re.sub(r"\{\w+\}", "x", path)
        for token in (None, "w" * 43, live.token[:-1], live.token + "x"):
            assert ask(live, method, target, token=token).status == 401, (method, path)
    tables = "".join(Path(f"/proc/{live.pid}/net/{table}").read_text() for table in ("tcp", "tcp6"))
    addresses = [line.split()[1] for line in tables.splitlines() if " 0A " in line]
    listening = [address for address in addresses if address.endswith(f":{live.port:04X}")]
    assert listening == [f"0100007F:{live.port:04X}"]


def test_2_a_foreign_page_gets_no_permission(live: LiveServer) -> None:
    for method in ("GET", "OPTIONS"):
        answer = ask(live, method, "/info/", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"})
        assert answer.status == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_3_paths_as_names_reach_nothing(live: LiveServer, study: str, phantom: tuple[Path, Volume]) -> None:
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


def test_3_an_upload_cannot_leave_the_folder(live: LiveServer, phantom: tuple[Path, Volume]) -> None:
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
def test_3_only_volumes_are_taken(live: LiveServer, study: str, name: str) -> None:
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
def test_4_parameters_that_are_not_written_down_are_refused(live: LiveServer, study: str, key: str) -> None:
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
def test_5_6_8_dangerous_routes_are_off_for_everybody(live: LiveServer, method: str, target: str, token: str) -> None:
    assert ask(live, method, target, token=token).status == 403


@pytest.mark.parametrize(
    ("method", "target"),
    [("DELETE", "/datastore/image?id=phantom"), ("DELETE", "/datastore/?id=phantom"), ("GET", "/datastore/dataset"),
     ("POST", "/train/"), ("GET", "/model/asap-mini")],
)  # fmt: skip
def test_routes_of_administrators_want_their_token(live: LiveServer, study: str, method: str, target: str) -> None:
    assert ask(live, method, target, token="user").status == 403
    assert ask(live, "GET", f"/datastore/image?image={study}").status == 200


def test_7_archives_are_not_unpacked(live: LiveServer, phantom: tuple[Path, Volume]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(phantom[0], "../../outside.nii.gz")
    before = files_of(live)
    for name in ("x.tar.gz", "x.nii.gz"):
        answer = ask_form(live, "PUT", "/session/?uncompress=true", files={"files": (name, packed.getvalue())})
        assert answer.status == 422
    assert files_of(live) == before


def test_9_signing_in_gives_a_token_that_opens_and_nothing_else_does(live: LiveServer) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = ask(live, "POST", "/auth/token", f"username=reader&password={live.token}".encode(), token=None, headers=form)
    shown = signed.json()["access_token"]
    assert ask(live, "GET", "/auth/token/valid", token=shown).status == 200
    assert ask(live, "GET", "/info/", token=shown).status == 200
    assert ask(live, "POST", "/auth/token", b"username=admin&password=admin", token=None, headers=form).status == 401


def test_11_no_temporary_file_lies_where_others_could_have_made_it(
    live: LiveServer, study: str, phantom: tuple[Path, Volume]
) -> None:
    upload = {"file": ("x.nii.gz", phantom[0].read_bytes())}
    assert ask_form(live, "POST", "/infer/asap-mini?output=image", SENTENCE, upload).status == 200
    saved = ask_form(live, "PUT", f"/datastore/label?image={study}&tag=final", files={"label": upload["file"]})
    assert saved.status == 200
    assert ask(live, "GET", "/datastore/dataset", token="admin").status == 200  # packed by MONAI Label's own code
    (private,) = live.temp.iterdir()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert not [path for path in (private / "tmp").iterdir() if path.suffix in (".gz", ".zip", ".nii")]
    assert ask(live, "DELETE", f"/datastore/label?id={study}&tag=final", token="admin").status == 200


def test_12_no_library_is_older_than_the_mends_of_its_known_holes() -> None:
    for name, least in (("monai", (1, 5, 2)), ("torch", (2, 10)), ("python-multipart", (0, 0, 34))):
        version = tuple(int(part) for part in re.findall(r"\d+", importlib.metadata.version(name).partition("+")[0]))
        assert version >= least, name


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
