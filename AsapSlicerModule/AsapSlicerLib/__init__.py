"""Logic and panels of the ASAP module. Only `widgets.py` and the panels know Qt; the rest runs wherever MRML does."""
