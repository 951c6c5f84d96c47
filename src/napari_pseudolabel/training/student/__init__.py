"""The fast version of a translator: a small network that learns what the translator makes of some images."""
