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

/** Asks for one address again and again, whenever there may be news: one request at a time, at most one in `everyMs`. */
export class Asker<T> {
  readonly #stop = new AbortController();
  readonly #ask: (signal: AbortSignal) => Promise<T>;
  readonly #tell: (answer: Answer<T>) => void;
  readonly #everyMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isBusy = false;
  #isOutdated = false;
  #askedAt = -Infinity;

  constructor(ask: (signal: AbortSignal) => Promise<T>, tell: (answer: Answer<T>) => void, everyMs: number) {
    this.#ask = ask;
    this.#tell = tell;
    this.#everyMs = everyMs;
  }

  poke(): void {
    if (this.#isBusy) this.#isOutdated = true;
    else this.#timer ??= setTimeout(() => void this.#run(), this.#askedAt + this.#everyMs - performance.now());
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    this.#timer = undefined;
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
    if (this.#isOutdated) {
      this.#isOutdated = false;
      this.poke();
    }
  }
}

/**
 * Ask for `path`; `null` asks for nothing.
 *
 * @param news a signal whose change means that there may be something new.
 */
export function useResource<T>(
  path: string | null,
  query: Query = {},
  news?: ReadonlySignal<unknown>,
  everyMs = 1_000,
): Resource<T> {
  const url = path === null ? "" : address(path, query);
  const [found, setFound] = useState<Found<T>>({ url: "" });
  const asker = useRef<Asker<T> | undefined>(undefined);
  const version = news?.value;

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

  const reload = useCallback(() => asker.current?.poke(), []);
  const isCurrent = found.url === url;
  return {
    data: isCurrent ? found.data : undefined,
    problem: isCurrent ? found.problem : undefined,
    isLoading: url !== "" && !isCurrent,
    reload,
  };
}
