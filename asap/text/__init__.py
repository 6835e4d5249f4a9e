"""Reading radiology reports in plain Python: sections, sentences, findings, sides, sizes and places."""
