"""How much effort goes into a model's training."""

SIZES = ("tiny", "small", "full")  # tiny: beats chance, in seconds; small: useful, in minutes of two cores; full: as published
