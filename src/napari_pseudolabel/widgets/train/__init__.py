"""The Train dock: models get better from what the person corrects."""
