"""Tokens and the settings that decide who can reach the server at all."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from asap.commands.serve import Serve, server_arguments
from asap.errors import InputError

pytest.importorskip("uvicorn", reason="needs the server: pip install 'asap-ct[server]'")

from monailabel_app.server.auth import Tokens, load_tokens
from monailabel_app.server.settings import checked


def test_a_missing_token_file_is_made_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "token"
    first = load_tokens(path, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first.user) >= 43
    assert load_tokens(path, None).user == first.user
    assert load_tokens(tmp_path / "other", None).user != first.user


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o644])
def test_a_token_file_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    load_tokens(path, None)
    path.chmod(mode)
    with pytest.raises(InputError, match="chmod 600"):
        load_tokens(path, None)


@pytest.mark.parametrize("content", ["", "short", "two words " * 8, "x" * 1000, "\x00" * 50, "é" * 40])
def test_a_token_file_without_a_good_token_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(InputError) as refusal:
        load_tokens(path, None)
    assert str(path) not in str(refusal.value)
    assert not content or content not in str(refusal.value)


def test_the_administrators_token_must_be_another_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="differ"):
        load_tokens(tmp_path / "token", tmp_path / "token")


def test_a_token_folder_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_tokens(tmp_path, None)


def test_roles() -> None:
    tokens = Tokens("u" * 40, "a" * 40)
    assert [tokens.role(word) for word in ("u" * 40, "a" * 40, "", "é", "u" * 39)] == [
        "user",
        "admin",
        "nobody",
        "nobody",
        "nobody",
    ]
    assert Tokens("u" * 40, None).role("") == "nobody"
    assert "u" * 40 not in repr(tokens)


def test_a_wrong_token_takes_as_long_wherever_it_is_wrong() -> None:
    """With tokens far longer than a real one, so that stopping at the first wrong sign could not hide in the noise."""
    tokens = Tokens("u" * 10**6, "a" * 10**6)
    wrong = {"first": "x" + "u" * (10**6 - 1), "middle": "u" * 500_000 + "x" * 500_000, "last": "u" * (10**6 - 1) + "x"}
    taken = {place: float("inf") for place in wrong}
    for _ in range(50):  # in turn, so that a busy machine slows all of them
        for place, word in wrong.items():
            start = time.perf_counter()
            assert tokens.role(word) == "nobody"
            taken[place] = min(taken[place], time.perf_counter() - start)
    spread = max(taken.values()) / min(taken.values()) - 1
    print(f"spread {100 * spread:.1f} % of {1e6 * min(taken.values()):.0f} us")  # noqa: T201
    assert spread < 0.5


def test_other_addresses_than_loopback_need_a_token_file_and_encryption(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with pytest.raises(InputError, match="--token-file"):
        checked(Serve(host="0.0.0.0"))
    with pytest.raises(InputError, match="--behind-proxy"):
        checked(Serve(host="0.0.0.0", token_file=token))
    with pytest.raises(InputError, match="--open-loopback"):
        checked(Serve(host="192.168.1.5", token_file=token, behind_proxy=True, open_loopback=True))
    with pytest.raises(InputError, match="--open-loopback"):  # behind a proxy every caller seems to be on this machine
        checked(Serve(behind_proxy=True, open_loopback=True))
    assert not checked(Serve(host="0.0.0.0", token_file=token, behind_proxy=True)).loopback
    for name in ("127.0.0.1", "localhost", "::1", "127.0.0.2"):
        assert checked(Serve(host=name)).loopback


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70000}, {"models": ()}, {"sessions": 0}, {"tls_cert": Path("only")}, {"studies": "/nowhere/at/all"},
        {"allow_origin": ("viewer",)}, {"allow_origin": ("http://viewer/page",)}, {"allow_origin": ("*",)},
        {"tls_cert": Path("no"), "tls_key": Path("no")}, {"turn_on": ("everything",)}, {"turn_on": ("reload",)},
        {"turn_on": ("dicom-proxy",)},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        checked(Serve(**wrong))


def test_the_command_reaches_the_server_unchanged() -> None:
    import tyro

    command = Serve(
        studies="a folder", port=0, models=("asap-mini", "asap-test"), token_file=Path("t"), open_loopback=True,
        allow_host=("a", "b"), sessions=3,
    )  # fmt: skip
    assert tyro.cli(Serve, args=server_arguments(command)) == command
    assert tyro.cli(Serve, args=server_arguments(Serve())) == Serve()


def test_the_token_file_is_only_made_readable_by_its_owner_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_tokens(tmp_path / "token", tmp_path / "admin")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
