"""Labels of images that are larger than the memory: written part by part, taken up again where they stopped."""
