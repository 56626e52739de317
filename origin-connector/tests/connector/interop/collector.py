"""Takes spans as a collector does, decoded by OpenTelemetry's own messages. Prints its port, then one
JSON object for each span. Each argument is a status for one answer; from then on it is 200."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

refusals = [int(status) for status in sys.argv[1:]]


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status = refusals.pop(0) if refusals else 200
        if self.path != "/v1/traces" or self.headers["content-type"] != "application/x-protobuf":
            status = 400
        answer = b""
        if status == 200:
            self.tell(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.send_header("retry-after", "1")
        self.end_headers()
        self.wfile.write(answer)

    def tell(self, request):
        for of_resource in request.resource_spans:
            resource = attributes(of_resource.resource.attributes)
            for scope in of_resource.scope_spans:
                for span in scope.spans:
                    told = {
                        "resource": resource,
                        "schema": scope.schema_url,
                        "authorization": self.headers["authorization"],
                        "trace": span.trace_id.hex(),
                        "id": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "flags": span.flags,
                        "kind": Span.SpanKind.Name(span.kind),
                        "name": span.name,
                        "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano,
                        "began": span.start_time_unix_nano,
                        "status": Status.StatusCode.Name(span.status.code),
                        "message": span.status.message,
                        "attributes": attributes(span.attributes),
                    }
                    print(json.dumps(told), flush=True)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
print(server.server_port, flush=True)
server.serve_forever()
