"""The shell command ``pseudolabel``."""
