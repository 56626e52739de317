// Heads on their way between JavaScript and Rust. Each text that crosses is copied and decoded
// apart, which costs more than what is done with it: so a head crosses as one text, and so do
// the changes to one.

// The method, the address, and a line for each field.
export function read(request) {
  let head = `${request.method}\n${request.url}`;
  request.headers.forEach((value, name) => {
    head += `\n${name}:${value}`;
  });
  return head;
}

// The request for an origin. Body, length and WebSocket stay those of the client's request.
export function outgoing(url, request, changes) {
  const outgoing = new Request(url, request);
  edit(outgoing.headers, changes);
  return outgoing;
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
