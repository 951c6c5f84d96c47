"""Many images of one workspace: labelled one after the other, corrected in any order, exported together."""
