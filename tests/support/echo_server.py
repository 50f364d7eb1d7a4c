"""python echo_server.py GENERATED ADDRESS: a real gRPC server of ScenarioService that answers at once with three goods.

A request whose id is divisible by the third argument, where given and not 0, is refused: a failed call. With a fourth argument no answer
holds any goods.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from aibenchrt.wire import clocks
from aibenchrt.wire.proto import load_stubs
from aibenchrt.wire.tls import SERVER_KEY


async def main(generated: str, address: str, refuse: int, empty: bool) -> None:
    stubs = load_stubs(Path(generated))
    reply, details = stubs.message("ScenarioReply"), stubs.message("Details")

    async def ask(request: Any, context: Any) -> Any:
        context.set_trailing_metadata(((SERVER_KEY, address),))
        if refuse and request.request_id % refuse == 0:
            await context.abort(grpc.StatusCode.INTERNAL, "refused")
        return reply(details=details(item_id=[] if empty else [request.request_id, 2, 3]), planner_ns=1, arms=["ranker=0"])

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        ask, request_deserializer=stubs.message("ScenarioRequest").FromString, response_serializer=reply.SerializeToString
    )
    methods = {"Ask": handler, clocks.METHOD: grpc.unary_unary_rpc_method_handler(clocks.answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{stubs.package}.ScenarioService", methods),))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0, len(sys.argv) > 4))
