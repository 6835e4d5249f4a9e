"""`python -m asap_viewer`: serve the work bench to this machine's browser until it is closed."""

from __future__ import annotations

import logging
import os
import sys
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from asap import limits
from asap.commands.view import View
from asap.errors import AsapError, InputError

from .read_case import ReadCase, read_case, sample_case

if TYPE_CHECKING:
    from .server_link import ServerLink
    from .workbench import WorkBench

IDLE_S = 300
TOKEN_CHARS = 4096


def main(arguments: list[str] | None = None) -> None:
    """Entry point; leaves through SystemExit."""
    command = tyro.cli(View, args=arguments, prog="asap view")
    try:
        run(command)
    except AsapError as error:
        print(f"asap: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(0)


def run(command: View) -> None:
    """Show the page until the last tab has been closed for a while, or the terminal says stop. Raises InputError."""
    report = _report(command.report)
    if command.volume is not None and not command.volume.exists():
        raise InputError("There is no file or folder of that name.")
    logging.getLogger("wslink").setLevel(logging.CRITICAL)  # its errors repeat what the page asked for, report text included
    sys.argv = sys.argv[:1]  # trame reads the same command line for options of its own
    os.environ.setdefault("OMP_NUM_THREADS", "2")

    from .server_link import ServerLink  # noqa: PLC0415 - the local server takes seconds to start: first of all

    link = ServerLink(command.server, _token(command))
    try:
        read = _reading(command)
        if command.headless is not None:
            _write(command, link, report, read)
        else:
            _serve(command, link, report, read)
    finally:
        link.stop()


def _reading(command: View) -> Callable[[], ReadCase] | None:
    """The CT is read while the rest of the program is still being imported; a failure is told when the case is asked for."""
    path = command.volume
    if path is None and not command.sample:
        return None
    pool = ThreadPoolExecutor(1, thread_name_prefix="asap-read")
    future = pool.submit(sample_case) if path is None or command.sample else pool.submit(read_case, path)
    pool.shutdown(wait=False)
    return future.result


def _write(command: View, link: ServerLink, report: str, read: Callable[[], ReadCase] | None) -> None:
    from .scene import StudyScene  # noqa: PLC0415
    from .stills import StillViewFactory, write_stills  # noqa: PLC0415
    from .workbench import WorkBench  # noqa: PLC0415

    if read is None or command.headless is None or not (report or command.sample):
        raise InputError("Pictures need a volume and a report; name both, or use --sample.")
    bench = WorkBench(StudyScene([StillViewFactory()]), link, model=command.model, report=report)
    try:
        bench.open_case(read)
        for path in write_stills(bench, command.headless):
            print(path)  # noqa: T201
    finally:
        bench.close()


def _serve(command: View, link: ServerLink, report: str, read: Callable[[], ReadCase] | None) -> None:
    from .front import Front, front_server  # noqa: PLC0415 - VTK and Slicer come later: the page is there in a moment

    trame_server, page_server = front_server()
    benches: list[WorkBench] = []

    async def opened() -> None:
        front = Front(trame_server, link)
        bench = await front.bench(command.model, report)
        if bench is None:
            trame_server.stop()
            return
        benches.append(bench)
        if read is not None:
            bench.open_case(read)

    def ready(**_state: object) -> None:
        print(f"ASAP work bench: {page_server.address}", flush=True)  # noqa: T201
        if not command.no_browser:
            webbrowser.open(page_server.ticket_address)
        create_task(opened())

    from trame_server.utils.asynchronous import create_task  # noqa: PLC0415

    trame_server.controller.on_server_ready.add(ready)
    try:
        trame_server.start(
            port=command.port, open_browser=False, show_connection_info=False, disable_logging=True, timeout=IDLE_S
        )
    finally:
        for bench in benches:
            bench.close()
    if not benches:
        raise AsapError("The work bench could not be opened; `asap doctor` says what is missing.")


def _report(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            raw = file.read(4 * limits.MAX_REPORT_CHARS + 1)
        return raw.decode("utf-8-sig")[: limits.MAX_REPORT_CHARS + 1]
    except OSError as error:
        raise InputError("The report file cannot be read.") from error
    except UnicodeDecodeError as error:
        raise InputError("The report is not UTF-8 text; save it again as UTF-8.") from error


def _token(command: View) -> str | None:
    """The token for a server that runs already: of the named file, else the user's own where there is one."""
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "asap" / "token"
    if command.server is None or (command.token_file is None and not own.is_file()):
        return None
    try:
        with (command.token_file or own).open(encoding="ascii") as file:
            return file.read(TOKEN_CHARS).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("The token file cannot be read.") from error


if __name__ == "__main__":
    main()
