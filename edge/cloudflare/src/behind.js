// Asks a bundle in shadow about a request, once its answer is on its way, or it is at its origin.
export function behind(ctx, watch) {
  ctx.waitUntil(scheduler.wait(0).then(() => watch.run()));
}
