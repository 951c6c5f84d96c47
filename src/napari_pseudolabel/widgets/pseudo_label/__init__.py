"""The Pseudo-label dock."""
