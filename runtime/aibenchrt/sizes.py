"""Sizes: the effort of training a model."""

SIZES = ("tiny", "small", "full")  # tiny: better than chance, in seconds; small: useful, in minutes on two cores; full: as published
