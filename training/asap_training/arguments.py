"""What the commands of this package share at the door: numbers that must be positive, and how a command ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from asap.errors import AsapError

INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C ended


def positive(text: str) -> int:
    """A whole number of at least one, for `argparse`."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number of at least 1")
    return number


@contextmanager
def ended_in_one_sentence() -> Iterator[None]:
    """Ends the process with the sentence and the exit code of what a user caused; Ctrl-C with code 130."""
    try:
        yield
    except AsapError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(INTERRUPTED)
