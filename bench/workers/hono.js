// Tokens and an origin, as one writes it with Hono.
import { Hono } from "hono";
import { jwt } from "hono/jwt";

const app = new Hono();

let authenticate;

app.use("/v1/*", (context, next) => {
  authenticate ??= jwt({
    secret: context.env.CUSTOMERS,
    alg: "HS256",
    verification: { iss: "https://id.bank.example", aud: "mobile" },
  });
  return authenticate(context, next);
});

app.get("/v1/accounts/:id", (context) => {
  const { pathname, search } = new URL(context.req.url);
  return fetch(new Request(context.env.ORIGIN + pathname + search, context.req.raw));
});

app.get("/v1/status", (context) => context.json({ ok: true }));

export default app;
