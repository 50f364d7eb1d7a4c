"""python bare_echo.py ADDRESS: gRPC's own cost, nothing else: a thread pool that returns the bytes it was sent."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(lambda request, _context: request)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Echo", {"Call": handler}),))
    server.add_insecure_port(sys.argv[1])
    server.start()
    server.wait_for_termination()
