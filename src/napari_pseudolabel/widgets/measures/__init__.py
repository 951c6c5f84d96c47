"""The Measure dock: how large objects are and what shape they have, in plots, in a table and on the canvas."""
