"""Checkpoints of Cellpose: networks that predict flows, and the objects that flows lead to."""
