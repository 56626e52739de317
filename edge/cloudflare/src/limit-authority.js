// The authority of one bucket, as a Durable Object. What it knows is in its storage and nowhere
// else: it may be evicted, moved or restarted after any answer, and goes on where it was. The
// runtime lets an answer out when what was stored before it is stored for good.

import { DurableObject } from "cloudflare:workers";
import { __wbg_reset_state as restart, answer } from "tidegate-gateway";

const KEY = "bucket";

// Milliseconds between two looks whether the bucket can be forgotten.
const LOOK = 3_600_000;

export class LimitAuthority extends DurableObject {
  // Answers a question; octets both.
  answer(question) {
    const { storage } = this.ctx;
    const stored = storage.kv.get(KEY);
    let answered;
    try {
      answered = answer(question, stored?.ledger, Date.now());
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) {
        restart();
      }
      throw error;
    }
    const { octets, ledger, idle } = answered;
    answered.free();
    storage.kv.put(KEY, { ledger, idle });
    if (stored === undefined) {
      storage.setAlarm(Date.now() + LOOK);
    }
    return octets;
  }

  // Forgets a bucket that stands as if it had never been used: nothing is left to pay for.
  async alarm() {
    const { storage } = this.ctx;
    const stored = storage.kv.get(KEY);
    if (stored === undefined || stored.idle <= Date.now()) {
      await storage.deleteAll();
    } else {
      await storage.setAlarm(Math.max(stored.idle, Date.now() + LOOK));
    }
  }
}
