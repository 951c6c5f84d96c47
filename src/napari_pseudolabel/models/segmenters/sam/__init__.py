"""Checkpoints of Segment Anything (SAM), those of micro-sam among them, and what is done with them."""
