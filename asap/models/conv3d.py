"""A 3-D convolution that is quick for small boxes too.

On one thread PyTorch leaves oneDNN aside where an input is small (`ConvParams::use_mkldnn`: 20,480 values in all but its last
axis), and takes several times as long: a box around one click, and every coarse level of a small U-Net, are as small as that.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Conv3d(nn.Conv3d):
    """`torch.nn.Conv3d`, always by oneDNN where that can do it; parameters and results are the same."""

    def forward(self, x_BCHWD: Tensor) -> Tensor:
        """As `torch.nn.Conv3d`."""
        one_dnn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        if x_BCHWD.device.type != "cpu" or x_BCHWD.dtype != torch.float32 or isinstance(self.padding, str) or not one_dnn:
            return super().forward(x_BCHWD)
        return torch.mkldnn_convolution(x_BCHWD, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups)
