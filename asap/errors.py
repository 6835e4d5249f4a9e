"""The errors a user can cause or meet, each with one sentence that says what to do.

Messages never hold header values, paths, report text or other patient data (rule R7): they name the kind of problem.
"""

from __future__ import annotations


class AsapError(Exception):
    """Root of all errors this package raises on purpose. `exit_code` is what the command line returns."""

    exit_code = 1


class InputError(AsapError):
    """The input cannot be used as it is; the sentence says why and what would work."""

    exit_code = 2


class LimitError(InputError):
    """The input is larger than `asap.limits` allows."""


class NotChestError(InputError):
    """The volume is readable but does not look like a chest CT."""


class OutputError(AsapError):
    """A result could not be written; whatever was there before is intact."""


class GeometryWarning(UserWarning):
    """The image was read, but its stored geometry leaves something open that the user should check."""


class WeightsError(AsapError):
    """Weights are missing, damaged, or do not fit the model."""

    exit_code = 2


class Cancelled(AsapError):
    """The caller asked for the work to stop; nothing was written."""
