"""Images in and results out. `read` is for files of others (parsed in a child process), `atomic` for everything written."""
