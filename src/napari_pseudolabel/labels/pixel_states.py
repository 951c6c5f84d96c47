"""What is known of a pixel of labels, as bits of a uint8."""

CORRECTED = 1
"""A person changed it."""
CONFIRMED = 2
"""A person declared it right."""
REACHED = 4
"""A model has predicted it."""
