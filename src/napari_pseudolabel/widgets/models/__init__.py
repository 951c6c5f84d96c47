"""The Models dock: which models there are, how good they are, and where they came from."""
