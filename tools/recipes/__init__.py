"""What the shipped models are trained on, and for how long."""
