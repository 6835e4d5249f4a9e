"""What a job can be asked: one file a kind, and the dict that lists them."""
