"""What all docks share: messages, folds, shortcuts, colours, the way to the engine."""
