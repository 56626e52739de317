// Heads on their way between JavaScript and Rust. Each text that crosses is copied and decoded
// apart, which costs more than what is done with it: so a head crosses as one text, and so do
// the changes to one.

// The fields of a request by their names.
export function read(request) {
  // Without a prototype any name is just a name, `__proto__` too.
  const fields = { __proto__: null };
  request.headers.forEach((value, name) => {
    fields[name] = value;
  });
  return fields;
}

// The method, the address, and a line for each field.
export function text(request, fields) {
  let text = `${request.method}\n${request.url}`;
  for (const name in fields) {
    text += `\n${name}:${fields[name]}`;
  }
  return text;
}

// Sends a request to an origin. Its head is the address and the changes to the client's fields;
// body, length and WebSocket stay those of the client's request. All changes are made before a
// `Headers` exists, where each of them would cost as much as all of them here.
export function send(service, head, request, fields, signal) {
  const [url, ...changes] = head.split("\n");
  const headers = { ...fields, __proto__: null };
  for (const change of changes) {
    const colon = change.indexOf(":");
    const name = change.slice(1, colon);
    const value = change.slice(colon + 1);
    switch (change[0]) {
      case "-":
        delete headers[change.slice(1)];
        break;
      case "=":
        headers[name] = value;
        break;
      case "+":
        headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
        break;
    }
  }
  const target = request.body === null ? url : new Request(url, request);
  const init = { method: request.method, headers, redirect: "manual", signal };
  return service === undefined ? fetch(target, init) : service.fetch(target, init);
}

// The answer for the client. Body and WebSocket stay the origin's.
export function answer(response, changes) {
  const answer = new Response(response.body, response);
  edit(answer.headers, changes);
  return answer;
}

// An answer of the gateway's own.
export function reply(status, changes, body) {
  const reply = new Response(body, { status });
  edit(reply.headers, changes);
  return reply;
}

// A line for each change: `-name`, `=name:value` to set, `+name:value` to add.
function edit(headers, changes) {
  for (const change of changes.split("\n")) {
    const colon = change.indexOf(":");
    switch (change[0]) {
      case "-":
        headers.delete(change.slice(1));
        break;
      case "=":
        headers.set(change.slice(1, colon), change.slice(colon + 1));
        break;
      case "+":
        headers.append(change.slice(1, colon), change.slice(colon + 1));
        break;
    }
  }
}
