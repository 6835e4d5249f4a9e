"""What the start of a server imports before it reads its settings, in its order; for the process that test servers fork from."""

from __future__ import annotations

import os
from contextlib import suppress

os.environ.setdefault("OMP_NUM_THREADS", "1")
with suppress(ImportError):  # absent where the server is not installed
    from asap.torchvision_guard import guard_torchvision
    from monailabel_app.lib.lean_monai import import_monai

    guard_torchvision()
    import_monai()
