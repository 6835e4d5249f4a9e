"""Logs that hold no patient data: our own lines as written, lines of libraries by their place only (rule R7).

MONAI Label logs requests, parameters and paths; a library's warning may quote a header. Of such a line the level, the logger and
the line number are kept, which is what finds a fault in the source.
"""

from __future__ import annotations

import logging
import sys

OWN_LOGGERS = ("asap", "monailabel_app", "uvicorn.error")
ACCESS = logging.getLogger("asap.access")


class PlaceOnly(logging.Formatter):
    """Formats records of our own loggers in full and all others without their message, arguments and trace."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        if record.name.startswith(OWN_LOGGERS) and record.exc_info is None:
            return f"{stamp} {record.levelname} {record.name}: {record.getMessage()}"
        return f"{stamp} {record.levelname} {record.name} at line {record.lineno} (message left out: it may name a patient)"


def set_up_logging() -> None:
    """Send everything to standard error through `PlaceOnly`; libraries from warnings up. Replaces all earlier handlers."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlaceOnly())
    root = logging.getLogger()
    for logger in (root, *(known for known in root.manager.loggerDict.values() if isinstance(known, logging.Logger))):
        logger.propagate = True
        for old in logger.handlers[:]:
            logger.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in ("asap", "monailabel_app"):
        logging.getLogger(name).setLevel(logging.INFO)
    for name in ("timeloop", "uvicorn.access"):  # one brings a handler of its own, of the other only the place would be left
        logging.getLogger(name).disabled = True
    logging.captureWarnings(True)


def where(error: BaseException) -> str:
    """Class of an error and the innermost line it was raised at: what a log may say of it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
    return f"{type(error).__name__}{place}"
