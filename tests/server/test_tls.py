"""Encrypted by the server itself: clients that trust its certificate are served, all others turn away."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

import pytest

from asap.client import AsapClient, CertificateRefused
from tests.self_signed import self_signed
from tests.server.live import LiveServer, live_server
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
pytestmark = pytest.mark.slow


def shaken_hands(server: LiveServer, pem: Path, version: ssl.TLSVersion) -> tuple[str, int]:
    """Cipher and bits that a client of one version of TLS and the server agree on."""
    context = ssl.create_default_context(cafile=pem)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as line,
        context.wrap_socket(line, server_hostname="127.0.0.1") as secure,
    ):
        name, _, bits = secure.cipher() or ("", "", 0)
        return name, bits


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_who_trusts_the_certificate_is_served_and_nobody_reads_along(tmp_path: Path) -> None:
    pem = self_signed(tmp_path)
    words = ("--models", "asap-test", "--tls-cert", str(pem), "--tls-key", str(pem))
    with live_server(tmp_path, *words, trust=pem) as server:
        assert server.url.startswith("https://")
        client = AsapClient(server.url, server.token, ca_file=str(pem))
        chest = thorax(spacing_mm=(5.0, 5.0, 5.0))
        study = client.open_study(chest.hu.astype("<i2").tobytes(order="F"), chest.shape, chest.affine.tolist())
        assert client.ground(study, sentences=["The heart is enlarged."]).sentences[0].map is not None
        client.close()
        with pytest.raises(CertificateRefused):
            AsapClient(server.url, server.token).info()

        plain = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        with pytest.raises((http.client.HTTPException, OSError)):
            plain.request("GET", "/asap/v1/health")
            plain.getresponse()
        with pytest.raises((ssl.SSLError, OSError)):
            shaken_hands(server, pem, ssl.TLSVersion.TLSv1_1)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            cipher, bits = shaken_hands(server, pem, version)
            assert "GCM" in cipher or "CHACHA20" in cipher, cipher
            assert bits >= 128
        assert AsapClient(server.url, server.token, ca_file=str(pem)).health()
        assert server.stop() == 0
        assert server.token not in server.log.read_text()
