"""The application for MONAI Label's own launcher: its settings come from the launcher's command line, the guards are the same.

    monailabel start_server --app monailabel_app --studies DIR --host 127.0.0.1 --uvicorn_app monailabel_app.server.app:app

What the launcher has no option for is given with `--conf NAME VALUE`, in the words of `asap serve` (lists with commas).
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from uvicorn.protocols.http import auto

from asap.commands.serve import Serve
from asap.errors import InputError
from monailabel_app.server.auth import load_tokens
from monailabel_app.server.guards import Application, Receive, Scope, Send
from monailabel_app.server.http import PatientProtocol
from monailabel_app.server.log import set_up_logging
from monailabel_app.server.private_folder import private_folder
from monailabel_app.server.settings import ServerSettings, checked

LISTS = ("models", "allow_host", "allow_origin", "turn_on")
FILES = ("token_file", "admin_token_file", "cache")
FLAGS = ("open_loopback", "behind_proxy")


def launched_application() -> Application:
    """Build the application once per process. Raises AsapError for settings that `asap serve` would refuse."""
    from monailabel_app.server.app import application  # noqa: PLC0415 - it imports this module

    if multiprocessing.parent_process() is not None:
        raise InputError("Sessions live in one process; start the server without --workers.")
    set_up_logging()
    settings = launched_settings(sys.argv[1:])
    tokens = load_tokens(settings.token_file, settings.admin_token_file)
    kept = ExitStack()
    guarded = application(settings, tokens, kept.enter_context(private_folder()))
    # The launcher has no option for it, and uvicorn looks its own choice up only after this.
    auto.AutoHTTPProtocol = PatientProtocol
    print(f"ASAP server: {settings.url}  token in {settings.token_file}", flush=True)  # noqa: T201

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await guarded(scope, receive, send)
        finally:
            if scope["type"] == "lifespan":
                kept.close()

    return app


def launched_settings(arguments: list[str]) -> ServerSettings:
    """The settings of the launcher's command line, checked as those of `asap serve`. Raises InputError."""
    from monailabel.config import settings as stock  # noqa: PLC0415 - the launcher imported it

    known = argparse.ArgumentParser(add_help=False)
    known.add_argument("-i", "--host", default="0.0.0.0")
    known.add_argument("--ssl_certfile", type=Path)
    known.add_argument("--ssl_keyfile", type=Path)
    launcher = known.parse_known_args(arguments)[0]
    return checked(
        Serve(
            studies=stock.MONAI_LABEL_STUDIES or None,
            host=launcher.host,
            port=stock.MONAI_LABEL_SERVER_PORT,
            tls_cert=launcher.ssl_certfile,
            tls_key=launcher.ssl_keyfile or launcher.ssl_certfile,
            **_configured(stock.MONAI_LABEL_APP_CONF),
        )
    )


def _configured(conf: dict[str, str]) -> dict[str, Any]:
    """The words of `--conf` as fields of Serve."""
    fields: dict[str, Any] = {}
    for word, value in conf.items():
        name = word.replace("-", "_")
        if name in LISTS:
            fields[name] = tuple(part for part in value.split(",") if part)
        elif name in FILES:
            fields[name] = Path(value)
        elif name in FLAGS and value in ("true", "false"):
            fields[name] = value == "true"
        elif name == "sessions" and value.isdecimal():
            fields[name] = int(value)
        else:
            raise InputError(
                f"--conf may set {', '.join((*LISTS, *FILES, 'sessions'))}, and {', '.join(FLAGS)} to true or false."
            )
    return fields
