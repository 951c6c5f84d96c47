"""Labels: classes, objects, tools, quality and review of integer masks."""
