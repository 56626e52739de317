"""Calls a gRPC service through the connector: address, folder of certificates, server's name."""

import sys

import grpc

address, folder, name = sys.argv[1:]


def read(file):
    with open(folder + "/" + file, "rb") as content:
        return content.read()


credentials = grpc.ssl_channel_credentials(
    root_certificates=read("mesh.pem"),
    private_key=read("gateway.key"),
    certificate_chain=read("gateway.pem"),
)
options = [("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)]
with grpc.secure_channel(address, credentials, options) as channel:
    # One message each way, with metadata before and after.
    answer, call = channel.unary_unary("/test.Echo/Unary").with_call(
        b"one", timeout=10, metadata=[("x-ask", "7")]
    )
    assert answer == b"one", answer
    assert ("x-initial", "7") in call.initial_metadata(), call.initial_metadata()
    assert ("x-trailing", "7") in call.trailing_metadata(), call.trailing_metadata()

    # Many messages each way, of any size.
    sent = [b"x" * size for size in (0, 1, 16_384, 1_000_000)] * 3
    stream = channel.stream_stream("/test.Echo/Stream")(iter(sent), timeout=20)
    assert list(stream) == sent

    # Refused at once, and after a message.
    for method, before in (("Refuse", 0), ("Break", 1)):
        got = []
        stream = channel.unary_stream("/test.Echo/" + method)(b"", timeout=10)
        try:
            got.extend(stream)
            raise AssertionError("no error")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
            assert error.details() == "näh, 100 % not", error.details()
            assert ("x-why-bin", b"\x00\xff") in error.trailing_metadata()
        assert len(got) == before, got

    # The caller has waited long enough, and the service learns of it.
    try:
        channel.unary_unary("/test.Echo/Slow")(b"", timeout=0.5)
        raise AssertionError("no deadline")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    assert channel.unary_unary("/test.Echo/Cancelled")(b"", timeout=10) == b"1"
print("all there")
