// The same with the rest of a gateway's job: a request id and a trace, no header that a client
// could forge, a timeout that reaches the origin, one line of JSON for each request.
import { Hono } from "hono";
import { jwt } from "hono/jwt";
import { requestId } from "hono/request-id";

const FORGEABLE = [
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-client-cert",
  "x-real-ip",
];

const app = new Hono();

let authenticate;

app.use(requestId(), async (context, next) => {
  const started = Date.now();
  await next();
  const { method, path } = context.req;
  const record = {
    time: started,
    request_id: context.get("requestId"),
    method,
    path,
    client: context.req.header("cf-connecting-ip"),
    consumer: context.get("jwtPayload")?.sub,
    status: context.res.status,
    duration_ms: Date.now() - started,
  };
  console.log(JSON.stringify(record));
});

app.use("/v1/*", (context, next) => {
  authenticate ??= jwt({
    secret: context.env.CUSTOMERS,
    alg: "HS256",
    verification: { iss: "https://id.bank.example", aud: "mobile" },
  });
  return authenticate(context, next);
});

app.get("/v1/accounts/:id", async (context) => {
  const { pathname, search, host } = new URL(context.req.url);
  const request = new Request(context.env.ORIGIN + pathname + search, context.req.raw);
  const { headers } = request;
  for (const name of FORGEABLE) {
    headers.delete(name);
  }
  const id = context.get("requestId");
  const trace = headers.get("traceparent") ?? `00-${id.replaceAll("-", "")}-${id.slice(-8)}00000001-00`;
  headers.set("traceparent", trace);
  headers.set("x-request-id", id);
  headers.set("via", "1.1 hono");
  headers.set("forwarded", `for=${headers.get("cf-connecting-ip")};host="${host}";proto=http`);
  headers.delete("cf-connecting-ip");
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), 3_000);
  try {
    const response = await fetch(request, { signal: abort.signal });
    return new Response(response.body, response);
  } finally {
    clearTimeout(timer);
  }
});

app.get("/v1/status", (context) => context.json({ ok: true }));

export default app;
