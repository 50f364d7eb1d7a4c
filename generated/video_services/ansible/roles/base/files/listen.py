"""Listens where a host's parts will, until it is stopped: python3 -c THIS BIND PORT…

A port at which somebody listens already, as a part of an earlier deployment, is left to them. Tells systemd when it listens.
"""

import errno
import os
import selectors
import socket
import sys


def listener(bind, port):
    """None if somebody listens there."""
    family, kind, protocol, _, where = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
    server = socket.socket(family, kind, protocol)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(where)
        server.listen()
    except OSError as error:
        server.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return server


def main(bind, *ports):
    waiting = selectors.DefaultSelector()
    for port in ports:
        server = listener(bind, int(port))
        if server:
            waiting.register(server, selectors.EVENT_READ)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", chr(0), 1))
    while True:
        for key, _ in waiting.select():
            key.fileobj.accept()[0].close()


main(*sys.argv[1:])
