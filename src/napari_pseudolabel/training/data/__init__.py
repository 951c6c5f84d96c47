"""What trainings learn from: folders, data sets, open layers, and the patches cut from them."""
