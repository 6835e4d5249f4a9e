"""What an objective says about itself beside its loss: named scalars without gradient."""

from __future__ import annotations

from torch import Tensor

Stats = dict[str, Tensor]
