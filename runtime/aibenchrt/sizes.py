"""Sizes: the effort of training a model."""

SIZES = ("tiny", "small", "full")  # tiny: beats chance, in seconds; small: useful, in minutes of two cores; full: as published
