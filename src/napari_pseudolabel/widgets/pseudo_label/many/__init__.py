"""Many images in the Label dock: a list, labelled one after the other, opened for correction, worst first."""
