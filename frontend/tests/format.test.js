import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../src/format.ts";

test("money is rounded half away from zero, digit by digit, however long it is", () => {
  assert.equal(format.money("1234567890123456789.005"), "1,234,567,890,123,456,789.01");
  assert.equal(format.money("0.004999"), "0.00");
  assert.equal(format.money("-0.005"), "−0.01");
  assert.equal(format.money("999.999"), "1,000.00");
  assert.equal(format.money("12"), "12.00");
});

test("what rounds to nothing has no sign before it, and still counts as gain or loss", () => {
  assert.equal(format.money("-0.001"), "0.00");
  assert.equal(format.signOf("-0.001"), -1);
  assert.equal(format.signOf("0.000"), 0);
  assert.equal(format.signed("0.00", 2), "0.00");
  assert.equal(format.signed("3.1", 2), "+3.10");
});

test("a quantity keeps every digit that says something", () => {
  assert.equal(format.quantity("0.01314680"), "0.0131468");
  assert.equal(format.quantity("1200.000"), "1,200");
  assert.equal(format.quantity("100"), "100");
});

test("prices of one size have as many decimals", () => {
  assert.equal(format.price("75572.3"), "75,572.30");
  assert.equal(format.price("1.2345678"), "1.2346");
  assert.equal(format.price("0.00002"), "0.00002000");
});

test("what is no decimal is shown as it came", () => {
  for (const text of ["", "NaN", "1e5", "<b>"]) assert.equal(format.decimal(text, 2), text);
});

test("times are UTC, durations have two units at most", () => {
  assert.equal(format.moment("2025-06-01T12:30:05.999Z"), "2025-06-01 12:30:05");
  assert.equal(format.shortMoment(1748781005000), "06-01 12:30");
  assert.deepEqual(
    [0, 59_400, 60_000, 3_600_000, 7_500_000, 90_000_000].map(format.duration),
    ["0 s", "59 s", "1 min", "1 h", "2 h 5 min", "1 d 1 h"],
  );
});
