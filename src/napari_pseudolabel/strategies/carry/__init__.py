"""Labels of one modality carried to a folder of images of another, in one go: models are made, the best way is found, all is labelled."""
