"""Query parsing, several times for each request."""
