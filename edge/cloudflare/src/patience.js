// What came too late.
export class Stalled extends Error {}

// Waits for a promise, but not for ever: what the platform promises has no deadline of its own.
export async function within(promise, milliseconds, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Stalled(`no ${what} within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
