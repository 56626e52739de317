// Small documents of authorities, such as an issuer's key set.

// Fetches one: its status and its octets. More octets, or more time, are an error.
export async function fetchDocument(method, url, headers, body, octets, milliseconds) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), milliseconds);
  try {
    const init = { method, headers, body, redirect: "manual", signal: abort.signal };
    const response = await fetch(url, init);
    const chunks = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > octets) {
        throw new Error(`more than ${octets} octets`);
      }
      chunks.push(chunk);
    }
    return [response.status, ...chunks];
  } finally {
    abort.abort();
    clearTimeout(timer);
  }
}
