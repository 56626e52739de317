// The Worker's entry. It does the IO that Rust would only do more slowly: it waits for the KV
// namespace and for origins. What to fetch, from where and what comes of it, it asks.

import {
  __wbg_reset_state as restart, admit, carry, decide, failed, followChannel, followShadow, load,
  memoryDue, memoryKey, ready, recallChannel, refresh, rememberChannel, statementKey,
} from "tidegate-gateway";
import { read, send, text } from "./heads.js";
import { Stalled, within } from "./patience.js";
import { PROTOCOL } from "./tunnels.js";

export { LimitAuthority } from "./limit-authority.js";
export { Tunnels } from "./tunnels.js";

// Where connectors open tunnels.
const TUNNELS = "/.well-known/tidegate-tunnel";

// Milliseconds between two looks at the KV namespace.
const REFRESH = 30_000;

// Milliseconds that the KV namespace may take for a value; it has no deadline of its own.
const PATIENCE = 10_000;

let refreshDue = 0;

export default {
  fetch(request, env, ctx) {
    if (!ready()) {
      return loadBundle(env).then(() => {
        ctx.waitUntil(afterwards(env));
        return serve(request, ctx);
      });
    }
    if (Date.now() >= refreshDue) {
      ctx.waitUntil(loadBundle(env).then(() => afterwards(env)).then(refresh));
    }
    return serve(request, ctx);
  },
};

async function loadBundle(env) {
  refreshDue = Date.now() + Number(env.TIDEGATE_REFRESH ?? REFRESH);
  try {
    const key = statementKey(env);
    if (key === undefined) {
      load(env, await value(env, env.TIDEGATE_BUNDLE ?? "bundle"));
      return;
    }
    await followed(env, key);
  } catch (error) {
    unread(error);
  }
}

// Takes what the channel names into use; at the beginning, else, what isolates before this one ran.
async function followed(env, key) {
  const statement = value(env, key);
  const remembered = ready() ? undefined : await recall(env, statement);
  try {
    const wanted = followChannel(env, await statement);
    if (wanted !== undefined) {
      load(env, await value(env, wanted.key), wanted);
    }
  } catch (error) {
    unread(error);
  }
  if (remembered !== undefined && !ready()) {
    load(env, await value(env, remembered.key), remembered);
  }
}

// What isolates before this one ran. Asked for at once with the statement, which may fail first.
async function recall(env, statement) {
  const [memory] = await Promise.allSettled([value(env, memoryKey(env)), statement]);
  if (memory.status === "rejected") {
    unread(memory.reason);
  }
  return recallChannel(env, memory.value);
}

// What comes after what is in force, and holds up no request.
function afterwards(env) {
  return Promise.all([remember(env), shadow(env)]);
}

// Lets decide in shadow what the channel has there. What cannot be had is logged, once.
async function shadow(env) {
  const wanted = followShadow(env);
  if (wanted === undefined) {
    return;
  }
  let octets;
  try {
    octets = await value(env, wanted.key);
  } catch (error) {
    wanted.unread(env, error instanceof Stalled, String(error));
    return;
  }
  wanted.run(env, octets);
}

// Writes down what is in force, for isolates to come, where it is not written yet.
async function remember(env) {
  try {
    if (memoryDue(env)) {
      const key = memoryKey(env);
      const memory = rememberChannel(env, await value(env, key));
      if (memory !== undefined) {
        await within(env.BUNDLES.put(key, memory), patience(env), `\`${key}\``);
      }
    }
  } catch (error) {
    report("the channel is not remembered", error);
  }
}

function unread(error) {
  const refused = error instanceof Stalled ? "stalled" : "unreachable";
  report("the KV namespace cannot be read", error, { refused });
}

// What the namespace has under a key; undefined where it has nothing.
async function value(env, key) {
  const octets = await within(env.BUNDLES.get(key, "arrayBuffer"), patience(env), `\`${key}\``);
  return octets === null ? undefined : new Uint8Array(octets);
}

function patience(env) {
  return Number(env.TIDEGATE_PATIENCE ?? PATIENCE);
}

// Says behind the answer what is to be said about limits.
function carryOn(ctx) {
  const carried = carry();
  if (carried !== undefined) {
    ctx.waitUntil(carried);
  }
}

function serve(request, ctx) {
  try {
    const fields = read(request);
    if (fields["sec-websocket-protocol"] === PROTOCOL && new URL(request.url).pathname === TUNNELS) {
      return open(request);
    }
    const step = decide(text(request, fields), request, ctx);
    carryOn(ctx);
    if (step instanceof Response) {
      return step;
    }
    const answer = follow(step, request, fields, ctx);
    // The exchange is finished, and recorded, also where the client has gone meanwhile.
    ctx.waitUntil(answer);
    return answer;
  } catch (error) {
    return recover(error);
  }
}

// A connector wants to open a tunnel: its object answers, or the refusal does.
function open(request) {
  const admitted = admit(request);
  if (admitted instanceof Response) {
    return admitted;
  }
  const [object, order] = admitted;
  const headers = { upgrade: "websocket", "sec-websocket-protocol": PROTOCOL, "tidegate-tunnel": order };
  return object.fetch(request.url, { headers });
}

// A step is an answer, an attempt at an origin, or the promise of either.
async function follow(step, request, fields, ctx) {
  try {
    if (step instanceof Promise) {
      step = await step;
      carryOn(ctx);
    }
    while (!(step instanceof Response)) {
      step = await attempt(step, request, fields);
    }
    return step;
  } catch (error) {
    return recover(error);
  }
}

async function attempt(step, request, fields) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), step.timeout);
  const body = request.body !== null;
  let response;
  try {
    response = await send(step.service, step.head, request, fields, abort.signal);
  } catch (error) {
    return step.failed(abort.signal.aborted, String(error), body);
  } finally {
    // The deadline is for the head; the body may take its time.
    clearTimeout(timer);
  }
  return step.answered(response, body);
}

// Rust does not panic; should it, the module's memory is beyond trust.
function recover(error) {
  report("the gateway failed", error);
  if (error instanceof WebAssembly.RuntimeError) {
    restart();
  }
  return failed();
}

function report(message, error, more) {
  console.error(JSON.stringify({ level: "error", message, ...more, reason: String(error) }));
}
