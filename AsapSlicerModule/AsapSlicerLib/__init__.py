"""Logic and panels of the ASAP module. Only `case_panel.py` and `report_panel.py` know Qt; the rest runs wherever MRML does."""
