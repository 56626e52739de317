// The tunnels of one connector, as a Durable Object: it holds the WebSockets that the connector has
// opened, and sends requests over them. HTTP/2 is spoken by a Wasm module of its own, which only an
// isolate with tunnels makes an instance of.

import { DurableObject } from "cloudflare:workers";

// What the Worker wants of the object: `open UNTIL CONNECTOR`, or to send a request `once`, or `again`
// over another tunnel where the first one broke. It sets the field on all that it sends here, so that
// no client's can stand.
const ORDER = "tidegate-tunnel";

// RFC 6455 §1.9.
export const PROTOCOL = "tidegate-tunnel/1";

// Tunnels of one connector, and requests over all of them: each may keep 128 KiB.
const MOST = 8;
const MOST_REQUESTS = 512;

// Tunnels that one request may try.
const TRIES = 4;

// Octets of one message that is taken.
const MESSAGE = 1_048_576;

// Milliseconds between two looks at the tunnels: how often a connector is asked whether it is there.
const LOOK = 10_000;

// Milliseconds that a tunnel lasts: only when it begins is it known whether the connector's
// certificate is revoked, and whether the policy names it.
const LIFE = 3_600_000;

// Milliseconds that requests may take to end where their tunnel's time is over.
const GRACE = 30_000;

export class Tunnels extends DurableObject {
  #lanes = new Set();
  #timer;

  fetch(request) {
    const [order, until, connector] = request.headers.get(ORDER).split(" ");
    return order === "open" ? this.#open(Number(until), connector) : this.#send(request, order === "again");
  }

  async #open(until, connector) {
    const engine = await import("tidegate-tunnel");
    if (this.#lanes.size >= MOST) {
      return new Response("this connector has as many tunnels as one may have\n", { status: 503 });
    }
    const [client, server] = Object.values(new WebSocketPair());
    server.binaryType = "arraybuffer";
    server.accept();
    const told = {
      open: () => log("tunnel open", { connector }),
      closed: (cause) => {
        this.#lanes.delete(lane);
        log("tunnel closed", { connector, cause });
      },
    };
    const lane = new Lane(engine, server, Math.min(until, Date.now() + LIFE), told);
    this.#lanes.add(lane);
    this.#timer ??= setInterval(() => this.#look(), LOOK);
    const headers = { "sec-websocket-protocol": PROTOCOL };
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  #look() {
    for (const lane of this.#lanes) {
      lane.look(Date.now());
    }
    if (this.#lanes.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  // Sends a request over the tunnel with the fewest under way.
  async #send(request, again) {
    let failure;
    const tried = new Set();
    while (tried.size < TRIES) {
      const lane = this.#free(tried);
      if (lane === undefined) {
        break;
      }
      tried.add(lane);
      try {
        return await lane.exchange(request);
      } catch (error) {
        failure = error;
        if (request.body !== null || !(error.unsent || again)) {
          break;
        }
      }
    }
    throw failure ?? new Error(this.#lanes.size === 0 ? "no tunnel is open" : "every tunnel is full");
  }

  #free(tried) {
    let found;
    let requests = 0;
    for (const lane of this.#lanes) {
      requests += lane.load;
      if (!tried.has(lane) && lane.open && (found === undefined || lane.load < found.load)) {
        found = lane;
      }
    }
    return requests < MOST_REQUESTS ? found : undefined;
  }
}

// A request that has no answer. `unsent` where the connector has not looked at it.
class Failed extends Error {
  constructor(message, unsent) {
    super(message);
    this.unsent = unsent;
  }
}

// One tunnel.
class Lane {
  #engine;
  #socket;
  #tunnel;
  #until;
  #told;
  // The connector has said how many requests it takes.
  #begun = false;
  #exchanges = new Map();
  // It takes no more.
  #over = false;
  // Nothing can be done with the tunnel itself any more.
  #gone = false;
  // Calls of it that are under way.
  #depth = 0;

  constructor(engine, socket, until, told) {
    this.#engine = engine;
    this.#socket = socket;
    this.#tunnel = new engine.Tunnel();
    this.#until = until;
    this.#told = told;
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string" || data.byteLength > MESSAGE) {
        this.#end("the connector sent what is no message of a tunnel");
      } else {
        this.#act((tunnel) => tunnel.receive(new Uint8Array(data)));
      }
    });
    socket.addEventListener("close", () => this.#end("the connector has ended it"));
    socket.addEventListener("error", () => this.#end("the connection broke"));
    this.#act(() => {});
  }

  // Whether it takes another request.
  get open() {
    let room = 0;
    this.#act((tunnel) => {
      room = tunnel.room;
    });
    return room > 0 && !this.#over && Date.now() < this.#until;
  }

  // The requests under way.
  get load() {
    return this.#exchanges.size;
  }

  look(now) {
    if (now >= this.#until && (this.load === 0 || now >= this.#until + GRACE)) {
      this.#end("its time is over");
    } else {
      this.#act((tunnel) => {
        if (!tunnel.ask()) {
          this.#end("the connector is silent");
        }
      });
    }
  }

  // Sends a request: the promise of its answer.
  exchange(request) {
    return new Promise((answer, fail) => {
      const { body, signal } = request;
      this.#act((tunnel) => {
        const id = tunnel.send(head(request), body !== null);
        if (id === undefined) {
          fail(new Failed("the tunnel takes no request", true));
          return;
        }
        const exchange = { answer, fail, up: body !== null, down: true };
        this.#exchanges.set(id, exchange);
        signal?.addEventListener("abort", () => this.#cancel(id, exchange, "the client has gone"));
        if (body !== null) {
          this.#upload(id, exchange, body.getReader());
        }
      });
      if (this.#over) {
        // Of what has its answer already this changes nothing.
        fail(new Failed("the tunnel broke", false));
      }
    });
  }

  // The request's body, a piece at a time.
  async #upload(id, exchange, reader) {
    try {
      while (exchange.up) {
        const { done, value } = await reader.read();
        if (done) {
          this.#act((tunnel) => tunnel.finish(id));
          break;
        }
        if (value.length > 0 && exchange.up) {
          const taken = new Promise((resolve) => {
            exchange.taken = resolve;
          });
          this.#act((tunnel) => tunnel.data(id, value));
          await taken;
        }
      }
      if (!exchange.up) {
        await reader.cancel();
      }
    } catch (error) {
      this.#cancel(id, exchange, `the request's body broke off: ${error}`);
    }
    exchange.up = false;
    this.#settle(id, exchange);
    this.#act(() => {});
  }

  // The answer's body, as the client asks for it.
  #download(id, exchange) {
    const source = {
      start: (controller) => {
        exchange.controller = controller;
      },
      pull: () =>
        new Promise((resolve) => {
          exchange.pulled = resolve;
          this.#act((tunnel) => tunnel.want(id));
        }),
      cancel: () => this.#cancel(id, exchange, "the client has gone"),
    };
    return new ReadableStream(source, { highWaterMark: 0 });
  }

  // Does something with the tunnel, and all that follows from it.
  #act(step) {
    if (this.#gone) {
      return;
    }
    this.#depth += 1;
    try {
      step(this.#tunnel);
      this.#flush();
    } catch (error) {
      // Rust does not panic; should it, the module's memory is beyond trust.
      if (error instanceof WebAssembly.RuntimeError) {
        this.#engine.__wbg_reset_state();
      }
      log("a tunnel failed", { level: "error", reason: String(error) });
      this.#break(String(error));
    } finally {
      this.#depth -= 1;
    }
    if (this.#depth === 0 && this.#over && this.load === 0 && !this.#gone) {
      this.#gone = true;
      this.#tunnel.free();
    }
  }

  #flush() {
    const tunnel = this.#tunnel;
    for (let octets = tunnel.output(); octets !== undefined; octets = tunnel.output()) {
      if (!this.#over) {
        this.#socket.send(octets);
      }
    }
    for (let event = tunnel.event(); event !== undefined; event = tunnel.event()) {
      const { kind, id, text, octets, flag } = event;
      event.free();
      const exchange = this.#exchanges.get(id);
      if (exchange !== undefined) {
        this.#happens(kind, id, exchange, text, octets, flag);
      }
    }
    if (!this.#begun && tunnel.room > 0) {
      this.#begun = true;
      this.#told.open();
    }
    if (tunnel.over && !this.#over) {
      this.#end("the connector ends HTTP/2");
    }
  }

  #happens(kind, id, exchange, text, octets, flag) {
    switch (kind) {
      case "head":
        exchange.down = flag;
        exchange.answer(answer(text, flag ? this.#download(id, exchange) : null));
        break;
      case "data":
        exchange.controller.enqueue(octets);
        exchange.pulled();
        break;
      case "end":
        exchange.down = false;
        exchange.controller.close();
        exchange.pulled();
        break;
      case "taken":
        exchange.taken();
        break;
      case "stopped":
        exchange.up = false;
        exchange.taken?.();
        break;
      case "failed":
        fail(exchange, new Failed(text, flag));
        break;
    }
    this.#settle(id, exchange);
  }

  #cancel(id, exchange, cause) {
    if (this.#exchanges.has(id)) {
      fail(exchange, new Failed(cause, false));
      this.#settle(id, exchange);
      this.#act((tunnel) => tunnel.cancel(id));
    }
  }

  #settle(id, exchange) {
    if (!exchange.up && !exchange.down) {
      this.#exchanges.delete(id);
    }
  }

  // Takes no more. Answers that have come in whole can still be taken.
  #end(cause) {
    if (this.#over) {
      return;
    }
    this.#over = true;
    try {
      this.#socket.close();
    } catch {
      // It has been closed already.
    }
    this.#told.closed(cause);
    this.#act((tunnel) => tunnel.end());
  }

  // Nothing can be done with the tunnel any more.
  #break(cause) {
    this.#gone = true;
    const exchanges = [...this.#exchanges.values()];
    this.#exchanges.clear();
    for (const exchange of exchanges) {
      fail(exchange, new Failed(cause, false));
    }
    if (!this.#over) {
      this.#over = true;
      this.#socket.close();
      this.#told.closed(cause);
    }
  }
}

// An exchange is over.
function fail(exchange, failure) {
  exchange.up = false;
  exchange.down = false;
  exchange.fail(failure);
  exchange.taken?.();
  try {
    exchange.controller?.error(failure);
  } catch {
    // The client has let go of it.
  }
  exchange.pulled?.();
}

// A request's head, as the module reads it.
function head(request) {
  let text = `${request.method} ${request.url}`;
  request.headers.forEach((value, name) => {
    if (name !== ORDER) {
      text += `\n${name}:${value}`;
    }
  });
  return text;
}

// The answer, from its head as the module writes it.
function answer(text, body) {
  const [status, ...fields] = text.split("\n");
  const headers = new Headers();
  for (const field of fields) {
    const colon = field.indexOf(":");
    headers.append(field.slice(0, colon), field.slice(colon + 1));
  }
  const length = headers.get("content-length");
  if (body !== null && length !== null) {
    // Else the client would not hear of the length.
    const fixed = new FixedLengthStream(Number(length));
    // Where it breaks off, both ends hear of it.
    body.pipeTo(fixed.writable).catch(() => {});
    body = fixed.readable;
  }
  // What the origin has encoded stays as it is.
  return new Response(body, { status: Number(status), headers, encodeBody: "manual" });
}

function log(message, more) {
  console.log(JSON.stringify({ level: "info", message, ...more }));
}
