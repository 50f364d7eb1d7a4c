"""What this package adds to what a scenario may name."""

from aibenchrt.libraries import Library

from repeated_work.parsing.spec import SPEC

LIBRARY = Library(components=(SPEC,))
