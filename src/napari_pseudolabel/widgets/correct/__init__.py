"""The Correct dock: from pseudo labels to finished ones."""
