"""MONAI bundles: a configuration that is read and never run, and weights."""
