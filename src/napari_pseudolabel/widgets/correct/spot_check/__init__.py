"""Spot check of the Correct dock: a person judges random objects and random boxes."""
