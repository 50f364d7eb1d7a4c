"""The files in the folder of a party's certificates (wire/tls.py says which of them a party has)."""

from __future__ import annotations

CERT, KEY = "cert.pem", "key.pem"  # the party's own
CA = "ca.pem"  # the authority that signed it
CALLERS = "callers.pem"  # of a server: the authorities whose clients it answers
SERVERS = "servers.pem"  # of a client: the authorities whose servers it calls
