import assert from "node:assert/strict";
import { test } from "node:test";
import { stopPoints } from "../src/charts/stops.ts";

const MINUTE = 60_000;

function stop(id, price, from, until, state = "canceled") {
  const updated_at = new Date(until * MINUTE).toISOString();
  return { id, stop_price: price, created_ms: from * MINUTE, updated_at, state };
}

function points(stops, live = [], since = 0, until = 9) {
  return stopPoints(stops, ({ id }) => live.includes(id), MINUTE, since * MINUTE, until * MINUTE).map(
    ({ time_ms, value }) => [time_ms / MINUTE, value],
  );
}

test("a stop that was moved is a level until then, and the new one from then on", () => {
  assert.deepEqual(points([stop("b", "96.5", 3, 3, "open"), stop("a", "95", 1, 3)], ["b"], 0, 5), [
    [1, 95],
    [2, 95],
    [3, 96.5],
    [4, 96.5],
    [5, 96.5],
  ]);
});

test("between two positions there is none", () => {
  assert.deepEqual(
    points([stop("a", "95", 1, 2, "filled"), stop("b", "90", 6, 7)]).map(([minute]) => minute),
    [1, 2, 6, 7],
  );
});

test("what began before the first candle begins with it, and what never rested is not there", () => {
  assert.deepEqual(points([stop("a", "95", 1, 4)], [], 3), [
    [3, 95],
    [4, 95],
  ]);
  assert.deepEqual(points([stop("a", "95", 1, 4, "rejected"), stop("b", null, 1, 4)]), []);
});
