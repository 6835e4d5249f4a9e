"""A DICOMweb archive that lists one series and begins to deliver it, but never ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERIES, STUDY = "1.2.3.4", "1.2.3"
LISTED = [{"0020000E": {"vr": "UI", "Value": [SERIES]}, "0020000D": {"vr": "UI", "Value": [STUDY]}}]


class Stalled:
    """What happened: `asked` is set when the series is; `release` lets its answer break off."""

    def __init__(self) -> None:
        self.url = ""
        self.asked, self.release = threading.Event(), threading.Event()


@contextmanager
def stalled_archive() -> Iterator[Stalled]:
    """Serve on a free port until the block ends."""
    state = Stalled()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "/studies/" in self.path:
                self._begin()
                return
            body = json.dumps(LISTED).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _begin(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=x')
            self.send_header("Content-Length", str(10**6))
            self.end_headers()
            self.wfile.write(b"--x\r\nContent-Type: application/dicom\r\n\r\n" + bytes(1000) + b"\r\n--x")
            self.wfile.flush()
            state.asked.set()
            state.release.wait(120)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/dicom-web"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield state
        finally:
            state.release.set()
            server.shutdown()
