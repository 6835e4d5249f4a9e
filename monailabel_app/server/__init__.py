"""The HTTP front: guards, `/asap/v1`, and the MONAI Label app behind them."""
