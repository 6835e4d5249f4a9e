"""Between client and server: TLS with the right and the wrong certificate, proxies, several addresses of one name."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from asap.client import AsapClient, BadAddress, Cancelled, CertificateRefused, ProxyError, ServerUnreachable, Timeouts, address
from asap.client.address import Address, proxy_for
from tests.client.conftest import Connect
from tests.client.scripted import TOKEN, Scripted, closed_port, seconds
from tests.client.test_client import hu, opened
from tests.self_signed import self_signed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one PEM file."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificate: Path) -> Iterator[Scripted]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Scripted(tls=context) as server:
        yield server


def test_a_trusted_certificate_serves_everything(secure: Scripted, connect: Connect, certificate: Path) -> None:
    client = connect(secure.url, ca_file=str(certificate))
    study = opened(client, hu((90, 80, 70)))
    assert client.ground(study, sentences=["x"]).sentences
    assert client.info().protocol == 1


def test_an_unknown_certificate_is_refused_before_the_token_is_sent(secure: Scripted, connect: Connect) -> None:
    with pytest.raises(CertificateRefused, match=r"not trusted on this computer\. Set the CA file"):
        connect(secure.url).info()
    assert not secure.asked


def test_a_certificate_of_another_name_is_refused(secure: Scripted, connect: Connect, certificate: Path) -> None:
    with pytest.raises(CertificateRefused, match="use the name"):
        connect(f"https://localhost:{secure.port}", ca_file=str(certificate)).info()
    assert not secure.asked


def test_https_typed_for_a_plain_server(server: Scripted, connect: Connect) -> None:
    with pytest.raises(ServerUnreachable, match="write http:// before"):
        connect(server.url.replace("http:", "https:")).info()


def test_http_typed_for_an_encrypted_server(secure: Scripted, connect: Connect) -> None:
    with pytest.raises((ServerUnreachable, ProxyError)):
        connect(secure.url.replace("https:", "http:")).info()
    assert not secure.asked


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(CertificateRefused, match="PEM") as caught:
            AsapClient("https://server", ca_file=str(tmp_path / name))
        assert str(tmp_path) not in str(caught.value)


def test_a_handshake_that_never_ends_can_be_cancelled(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect(f"https://127.0.0.1:{silent.getsockname()[1]}", timeouts=Timeouts(connect_s=30.0))
        cancel = threading.Event()
        timer = threading.Timer(0.2, cancel.set)
        timer.start()

        def ask() -> None:
            with pytest.raises(Cancelled):
                opened(client, cancel=cancel)

        assert seconds(ask) < 0.2 + 2.0
        timer.join()


# Proxies. The names end in .invalid: they are never looked up, only the proxy is asked for them.


@dataclass
class Proxy:
    """A real CONNECT proxy that leads every name to one server. refuse: its answer when it opens no tunnel."""

    target: int
    refuse: bytes = b""
    heads: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Proxy:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n") and (byte := sock.recv(1)):
            head += byte
        self.heads.append(head)
        if self.refuse:
            sock.sendall(self.refuse)
            sock.close()
            return
        sock.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.target)) as far:
            back = threading.Thread(target=_pump, args=(far, sock), daemon=True)
            back.start()
            _pump(sock, far)
            back.join(5)
        sock.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch


def test_another_host_is_reached_through_the_proxy(
    server: Scripted, connect: Connect, no_proxies: pytest.MonkeyPatch
) -> None:  # fmt: skip
    with Proxy(server.port) as proxy:
        no_proxies.setenv("http_proxy", proxy.url.replace("//", "//me:se%20cret@"))
        client = connect("http://asap.invalid:8000")
        assert client.info().protocol == 1
        client.close()
        head = proxy.heads[0].decode()
    assert head.startswith("CONNECT asap.invalid:8000 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6c2UgY3JldA==\r\n" in head  # me:se cret
    assert TOKEN not in head
    assert server.asked[0].headers["host"] == "asap.invalid:8000"
    assert "proxy-authorization" not in server.asked[0].headers


def test_loopback_never_goes_through_a_proxy(server: Scripted, connect: Connect, no_proxies: pytest.MonkeyPatch) -> None:
    with Proxy(server.port) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            no_proxies.setenv(name, proxy.url)
        assert connect(server.url).info().protocol == 1
        assert connect(f"localhost:{server.port}").info().protocol == 1
        assert not proxy.heads


@pytest.mark.parametrize(
    ("refuse", "sentence"),
    [
        (b"HTTP/1.1 407 Login\r\n\r\n", "status 407.*user name and password in HTTPS_PROXY"),
        (b"HTTP/1.1 403 No\r\n\r\n", "status 403.*NO_PROXY"),
        (b"garbage\r\n\r\n", "status 0"),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * 20_000, "status 0"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_named(
    connect: Connect, no_proxies: pytest.MonkeyPatch, refuse: bytes, sentence: str
) -> None:  # fmt: skip
    with Proxy(closed_port(), refuse) as proxy:
        no_proxies.setenv("http_proxy", proxy.url)
        with pytest.raises(ProxyError, match=sentence):
            connect("http://asap.invalid:8000").info()


def test_a_proxy_that_is_away_is_named(connect: Connect, no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(ProxyError, match="proxy in this computer's settings does not answer"):
        connect("http://asap.invalid:8000").info()


def test_the_settings_of_proxies_are_read(no_proxies: pytest.MonkeyPatch) -> None:
    far = Address("https", "asap.invalid", 443, "")
    assert proxy_for(far) is None
    no_proxies.setenv("https_proxy", "proxy.invalid:3128")
    assert proxy_for(far) == address.HttpProxy("proxy.invalid", 3128, None)
    no_proxies.setenv("no_proxy", ".invalid")
    assert proxy_for(far) is None
    no_proxies.delenv("no_proxy")
    no_proxies.setenv("https_proxy", "socks5://proxy.invalid:1080")
    with pytest.raises(BadAddress, match="NO_PROXY"):
        proxy_for(far)


def test_localhost_finds_a_server_that_listens_on_ipv4_only(server: Scripted, connect: Connect) -> None:
    assert connect(f"http://localhost:{server.port}").info().protocol == 1
