"""Tutorship in the Pseudo-label dock: the labelled set, the training of the proxy, the other strategy's labels."""
