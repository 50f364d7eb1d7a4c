"""A component that does its work several times: a slowdown to be found."""
