import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.localStorage = { getItem: () => null, removeItem: () => undefined };
const { Asker } = await import("../src/api/resource.ts");

/** A question that is answered when the test says so, and how often it was asked. */
function question() {
  const waiting = [];
  const ask = () => new Promise((answer) => waiting.push(answer));
  const asked = { count: 0, answer: async (value) => (waiting.shift()(value), await Promise.resolve(), await null, await null) };
  return [() => ((asked.count += 1), ask()), asked];
}

test("what may be news waits its turn, what is news for sure is asked for at once, and together as one", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const pass = (ms) => ((now += ms), t.mock.timers.tick(ms));
  const told = [];
  const [ask, asked] = question();
  const asker = new Asker(ask, (answer) => told.push(answer.data), 1_000);

  asker.poke();
  pass(1);
  await asked.answer("first");
  assert.deepEqual([asked.count, told], [1, ["first"]]);

  asker.poke();
  pass(500);
  assert.equal(asked.count, 1, "not yet its turn");
  asker.pokeAtOnce();
  pass(50);
  asker.pokeAtOnce();
  pass(50);
  assert.equal(asked.count, 2, "at once, and one question for both");
  asker.pokeAtOnce();
  pass(5_000);
  assert.equal(asked.count, 2, "one request at a time");
  await asked.answer("second");
  pass(100);
  assert.equal(asked.count, 3, "again, for what came meanwhile");
  await asked.answer("third");
  pass(5_000);
  assert.deepEqual([asked.count, told], [3, ["first", "second", "third"]], "no news, no question");
  asker.end();
});
