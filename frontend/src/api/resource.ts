/** What a page asks the server for: fetched when it is shown, and again when what it depends on changes. */

import type { ReadonlySignal } from "@preact/signals";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { address, ApiProblem, done, get } from "./client.ts";
import type { Query } from "./client.ts";

export interface Resource<T> {
  /** The last answer; kept while a newer one is on its way, and when that fails. */
  readonly data: T | undefined;
  readonly problem: ApiProblem | undefined;
  readonly isLoading: boolean;
  reload(): void;
}

interface Found<T> {
  url: string;
  data?: T;
  problem?: ApiProblem;
}

type Answer<T> = { data: T } | { problem: ApiProblem };

/** What must be seen at once is asked for within this, so that messages that come together are one question. */
const AT_ONCE_MS = 100;

/** Asks for one address again and again, whenever there may be news: one request at a time, at most one in `everyMs`. */
export class Asker<T> {
  readonly #stop = new AbortController();
  readonly #ask: (signal: AbortSignal) => Promise<T>;
  readonly #tell: (answer: Answer<T>) => void;
  readonly #everyMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isBusy = false;
  #dueAt = Infinity;
  /** Where there was news while a request was on its way: how long to wait after that began. */
  #againMs: number | undefined;
  #askedAt = -Infinity;

  constructor(ask: (signal: AbortSignal) => Promise<T>, tell: (answer: Answer<T>) => void, everyMs: number) {
    this.#ask = ask;
    this.#tell = tell;
    this.#everyMs = everyMs;
  }

  poke(): void {
    this.#askAfter(this.#everyMs);
  }

  /** There is news for sure, which must not wait its turn. */
  pokeAtOnce(): void {
    this.#askAfter(Math.min(AT_ONCE_MS, this.#everyMs));
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  #askAfter(pauseMs: number): void {
    if (this.#isBusy) {
      this.#againMs = Math.min(this.#againMs ?? Infinity, pauseMs);
      return;
    }
    const now = performance.now();
    // From the news on, not from the last request: so that what comes together is asked for once.
    const dueAt = pauseMs < this.#everyMs ? now + pauseMs : this.#askedAt + pauseMs;
    if (dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => void this.#run(), dueAt - now);
  }

  async #run(): Promise<void> {
    this.#dueAt = Infinity;
    this.#askedAt = performance.now();
    this.#isBusy = true;
    try {
      this.#tell({ data: await this.#ask(this.#stop.signal) });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (!(error instanceof ApiProblem)) throw error;
      this.#tell({ problem: error });
    } finally {
      this.#isBusy = false;
    }
    const againMs = this.#againMs;
    this.#againMs = undefined;
    if (againMs !== undefined) this.#askAfter(againMs);
  }
}

/**
 * Ask for `path`; `null` asks for nothing.
 *
 * @param news a signal whose change means that there may be something new.
 * @param urgent a signal whose change must be seen at once.
 */
export function useResource<T>(
  path: string | null,
  query: Query = {},
  news?: ReadonlySignal<unknown>,
  everyMs = 1_000,
  urgent?: ReadonlySignal<unknown>,
): Resource<T> {
  const url = path === null ? "" : address(path, query);
  const [found, setFound] = useState<Found<T>>({ url: "" });
  const asker = useRef<Asker<T> | undefined>(undefined);
  const version = news?.value;
  const urgentVersion = urgent?.value;

  useEffect(() => {
    if (path === null) return undefined;
    const ask = (signal: AbortSignal): Promise<T> => get<T>(path, query, signal);
    const current = new Asker<T>(
      ask,
      (answer) => {
        // What was found before stays in sight when a later request fails.
        setFound((before) => ("data" in answer || before.url !== url ? { url, ...answer } : { ...before, ...answer }));
      },
      everyMs,
    );
    asker.current = current;
    current.poke();
    return () => current.end();
  }, [url]);
  useEffect(() => asker.current?.poke(), [version, done.value]);
  useEffect(() => asker.current?.pokeAtOnce(), [urgentVersion]);

  const reload = useCallback(() => asker.current?.poke(), []);
  const isCurrent = found.url === url;
  return {
    data: isCurrent ? found.data : undefined,
    problem: isCurrent ? found.problem : undefined,
    isLoading: url !== "" && !isCurrent,
    reload,
  };
}
