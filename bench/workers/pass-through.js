// What every proxy on Workers does at least.
export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/v1/status") {
      return new Response('{"ok":true}', { headers: { "content-type": "application/json" } });
    }
    return fetch(new Request(env.ORIGIN + pathname + search, request));
  },
};
