import assert from "node:assert/strict";
import { test } from "node:test";
import { backOff } from "../src/live/backoff.ts";

test("tries come at once at first, then ever more rarely, never more than 15 s apart, and not all at the same time", () => {
  const waits = Array.from({ length: 40 }, (_, attempt) => backOff(attempt, 0));
  assert.equal(waits[0], 500);
  assert.ok(waits.every((wait, at) => at === 0 || wait >= waits[at - 1]));
  assert.equal(Math.max(...waits), 15_000);
  assert.equal(backOff(10, 1), 12_000);
});
