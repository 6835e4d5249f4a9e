"""What the reader child and its parent say to each other: fixed-size structures and raw voxels, nothing pickled.

Parent: JOB, the path. Child: STARTED, then HEAD, a sentence, and for an image its voxels with the first axis fastest.
"""

from __future__ import annotations

import struct
from enum import IntEnum

import numpy as np

JOB = struct.Struct("<16sIH")  # a number used once, seconds of processor time granted, bytes of the path
STARTED = b"\x06"
# The job's number, status, type code, shape, affine row by row, bytes of the sentence, bytes of the voxels.
HEAD = struct.Struct("<16sBB3q16dHq")
DTYPES = (np.dtype(np.int16), np.dtype(np.float32))
MAX_SENTENCE_BYTES = 400


class Status(IntEnum):
    """How a job ended."""

    OK = 0
    REFUSED = 1
    TOO_LARGE = 2
    NO_MEMORY = 3
    FAULT = 4  # a parser raised something unforeseen: the file is refused and the child is not used again
