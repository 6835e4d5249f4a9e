"""ASAP: a report sentence finds its region in a chest CT.

Importing this package imports neither torch nor any reader; ask the sub-modules for what you need.
"""

__version__ = "0.1.0"
