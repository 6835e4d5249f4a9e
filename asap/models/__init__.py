"""The models: their sizes, layers, weights and where these come from."""
