"""The MONAI Label app of ASAP and the hardened HTTP front around it."""
