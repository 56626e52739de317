"""A gRPC service in the clear; prints its port and serves until its standard input ends."""

import sys
import threading
from concurrent import futures

import grpc

cancelled = threading.Event()


def unary(request, context):
    asked = dict(context.invocation_metadata())["x-ask"]
    context.send_initial_metadata([("x-initial", asked)])
    context.set_trailing_metadata([("x-trailing", asked)])
    return request


def stream(requests, _context):
    yield from requests


def refuse(_request, context):
    context.set_trailing_metadata([("x-why-bin", b"\x00\xff")])
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "näh, 100 % not")


def breaking(request, context):
    yield b"first"
    refuse(request, context)


def refusing(request, context):
    refuse(request, context)
    yield b""


def slow(_request, context):
    context.add_callback(cancelled.set)
    cancelled.wait(10)
    return b""


def was_cancelled(_request, _context):
    return b"%d" % cancelled.wait(10)


handler = grpc.method_handlers_generic_handler(
    "test.Echo",
    {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.stream_stream_rpc_method_handler(stream),
        "Refuse": grpc.unary_stream_rpc_method_handler(refusing),
        "Break": grpc.unary_stream_rpc_method_handler(breaking),
        "Slow": grpc.unary_unary_rpc_method_handler(slow),
        "Cancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
    },
)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
server.add_generic_rpc_handlers((handler,))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(0)
