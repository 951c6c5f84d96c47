"""Files to images: what they claim, what they say about axes and sizes, and what they are to each other in a folder."""
