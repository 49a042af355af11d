/** How everything stands in one answer of the server, kept fresh: what the line at the top and the overview show. */

import { computed, effect, signal } from "@preact/signals";
import { ApiProblem, done, get } from "../api/client.ts";
import { Asker } from "../api/resource.ts";
import type { Status } from "../api/types.ts";
import { news } from "./store.ts";

const EVERY_MS = 1_000;
/** Asked without news too: a bot that dies sends none. */
const WITHOUT_NEWS_MS = 5_000;

export const status = signal<Status | undefined>(undefined);
/** Why there is no newer status than the one shown. */
export const statusProblem = signal<ApiProblem | undefined>(undefined);

const mayHaveChanged = computed(() =>
  [news.position, news.order, news.equity, news.health, news.safety].reduce((sum, counter) => sum + counter.value, 0),
);

/** Keep `status` fresh until the function that is returned is called. */
export function followStatus(): () => void {
  const asker = new Asker<Status>(
    (stop) => get<Status>("/status", {}, stop),
    (answer) => {
      if ("data" in answer) status.value = answer.data;
      statusProblem.value = "data" in answer ? undefined : answer.problem;
    },
    EVERY_MS,
  );
  const stopListening = effect(() => {
    void [mayHaveChanged.value, done.value];
    asker.poke();
  });
  // Positions are streamed: figures about them must not be of a moment before.
  const stopHurrying = effect(() => {
    void news.held.value;
    asker.pokeAtOnce();
  });
  const timer = setInterval(() => asker.poke(), WITHOUT_NEWS_MS);
  return () => {
    stopListening();
    stopHurrying();
    clearInterval(timer);
    asker.end();
  };
}
