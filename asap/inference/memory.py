"""Was this error a lack of memory? Then the work may be tried again in smaller pieces; any other error is a fault.

What PyTorch 2.13 raises, seen under a limited address space: its CPU allocator and oneDNN raise plain RuntimeErrors that only
their text tells apart, numpy and Python raise MemoryError. On a GPU the caching allocator raises torch.OutOfMemoryError, and
the libraries that allocate beside it (cuBLAS, cuDNN, the driver) RuntimeErrors again.
"""

from __future__ import annotations

import torch

MESSAGES = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "could not create a primitive",  # oneDNN without room for its scratch pad
    "could not create a memory object",
    "std::bad_alloc",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on the processor or on the GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(message in text for message in MESSAGES)
