"""Every cap in one file. Sizes are computed in Python's unbounded integers and compared before anything is allocated."""

from __future__ import annotations

from asap.errors import LimitError

MAX_SLICES = 2000
MAX_IN_PLANE = 1024
MAX_VOXELS = 2**31
MAX_RAW_BYTES = 4 * 2**30
MIN_SPACING_MM = 0.1
MAX_SPACING_MM = 20.0
MAX_CELL_MM = 100.0  # heatmaps are written on the token grid, which is coarser than any image

MAX_HEADER_BYTES = 1 * 2**20
MAX_DICOM_FILES = 4 * MAX_SLICES
MAX_DICOM_HEADER_BYTES = 4 * 2**20

MAX_SENTENCE_CHARS = 1_000
MAX_REPORT_CHARS = 50_000
MAX_SENTENCES = 1_000
MAX_PROMPT_POINTS = 10_000
MAX_UNETR_SCORES = 600_000_000  # voxels times classes of a whole volume, float32

READER_MEMORY_BYTES = 2 * 2**30
READER_CPU_S = 30
READER_BYTES_PER_S = 4 * 2**20  # each further 4 MiB of input earn the reader a second (JPEG 2000 decodes 5 MB/s)
READER_START_S = 30  # a fresh interpreter on a busy machine
READER_WALL_PER_CPU = 3  # the parent waits this many times the processor time granted
READER_FILE_BYTES = 16 * 2**20
READER_JOBS_BEFORE_RECYCLING = 200

FEATURE_CACHE_BYTES = 2 * 2**30
FEATURE_STORE_BYTES = 4 * 2**30  # on disk, all cases together
MAX_FEATURE_FILE_BYTES = 256 * 2**20

MAX_SESSIONS = 8
MAX_QUEUED_JOBS = 16
MAX_PART_BYTES = 8 * 2**20
MAX_UPLOAD_BYTES = 1 * 2**30
MAX_UPLOAD_PARTS = 4096
MAX_DATASTORE_ID_CHARS = 256
MAX_CLIENT_NAME_CHARS = 100
MAX_MODEL_NAME_CHARS = 64

MAX_MANIFEST_BYTES = 4 * 2**20
MAX_WEIGHTS_HEADER_BYTES = 4 * 2**20
MAX_WEIGHTS_BYTES = 16 * 2**30
MAX_TOKENIZER_BYTES = 8 * 2**20

CONVERTER_MEMORY_BYTES = 16 * 2**30
CONVERTER_CPU_S = 600


def check_shape(shape: tuple[int, ...], bytes_per_voxel: int) -> int:
    """Return the raw byte count of a 3-D array of `shape`, or raise LimitError before anything is allocated.

    No order of the axes is assumed: two of them may reach MAX_IN_PLANE, one may reach MAX_SLICES.
    """
    if len(shape) != 3 or any(n < 1 for n in shape):
        raise LimitError("The image is not a three-dimensional volume with at least one voxel along each axis.")
    ordered = sorted(int(n) for n in shape)
    if ordered[1] > MAX_IN_PLANE or ordered[2] > MAX_SLICES:
        raise LimitError(f"The image exceeds {MAX_IN_PLANE} x {MAX_IN_PLANE} x {MAX_SLICES} voxels; crop or resample it first.")
    voxels = ordered[0] * ordered[1] * ordered[2]
    size = voxels * int(bytes_per_voxel)
    if voxels > MAX_VOXELS or size > MAX_RAW_BYTES:
        raise LimitError(f"The image needs more than {MAX_RAW_BYTES // 2**30} GiB; crop or resample it first.")
    return size
