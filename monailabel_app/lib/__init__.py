"""What MONAI Label asks of an app: inference tasks, strategies and a datastore, all thin over `asap`."""
