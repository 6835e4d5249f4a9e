"""Imports MONAI without the optional packages this app has no use for, which is most of what a start takes.

MONAI looks for two dozen packages and imports those it finds: with all that MONAI Label installs beside it, three quarters of its
import are training loops, experiment logs and plots. What is imported here finds them absent, as on a machine without them;
whoever imports one of them afterwards gets it as ever.
"""

from __future__ import annotations

import importlib
import sys

UNUSED = (
    "gdown", "ignite", "itk", "matplotlib", "mlflow", "onnx", "onnxruntime", "pandas", "scipy.signal", "skimage", "sklearn",
    "tensorboard", "tensorboardX", "torchvision", "transformers",
)  # fmt: skip


def import_monai() -> None:
    """Import MONAI, unless it was imported before. Call before anything else imports it, from the main thread."""
    if "monai" in sys.modules:
        return
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None says: not to be found
    try:
        importlib.import_module("monai")
    finally:
        for name in hidden:
            del sys.modules[name]
