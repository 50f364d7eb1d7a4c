"""The checks that a run must pass to be VALID: one module for each kind, `every` for all of them."""
