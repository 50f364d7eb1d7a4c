"""A run's records: their classes, their files, and reading a run directory back."""
