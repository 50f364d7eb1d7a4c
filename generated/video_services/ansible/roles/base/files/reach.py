"""Which of these addresses this host does not reach, one a line with the reason: python3 - HOST:PORT…"""

import ipaddress
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

LONGEST_S = 5.0


def trouble(endpoint):
    """Why it is not reached; empty if it is."""
    host, _, port = endpoint.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), LONGEST_S) as connection:
            at = connection.getpeername()[0]
            if at == connection.getsockname()[0] or ipaddress.ip_address(at).is_loopback:
                return f"it is {at}, this host itself"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def main(*endpoints):
    with ThreadPoolExecutor(16) as threads:
        for endpoint, reason in zip(endpoints, threads.map(trouble, endpoints), strict=True):
            if reason:
                print(f"it does not reach {endpoint}: {reason}; correct the aibench_address of that host")


main(*sys.argv[1:])
