"""BioImage.IO packages: a description in YAML, and weights in a format that another family reads."""
