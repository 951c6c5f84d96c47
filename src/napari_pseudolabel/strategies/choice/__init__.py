"""Which of several ways to labels is best for an image, found without anybody knowing the truth."""
