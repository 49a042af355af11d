/** The stream of numbered messages: one WebSocket, opened anew when it breaks, from after the last message received. */

import { signal } from "@preact/signals";
import { session } from "../session.ts";
import { backOff } from "./backoff.ts";

export interface Message {
  readonly seq: number;
  readonly type: string;
  readonly data: unknown;
  readonly timestamp: string;
}

/** lost: since when, and when the next try is due (ms, this browser's clock). */
export type Connection =
  | { readonly state: "closed" | "connecting" | "live" }
  | { readonly state: "lost"; readonly sinceMs: number; readonly retryAtMs: number };

/** A server that tells health repeats it every 5 s: after so long a silence the connection has died without a word. */
const SILENCE_MS = 13_000;
const ANSWER_MS = 5_000;
const BEAT = "health_update";
const LOGIN_ENDED = 4401;

export const connection = signal<Connection>({ state: "closed" });

class Stream {
  readonly #take: (message: Message) => void;
  #socket: WebSocket | undefined;
  #seq: number | undefined;
  #attempt = 0;
  #lostMs = 0;
  #heardAt = 0;
  #hasBeat = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(take: (message: Message) => void) {
    this.#take = take;
  }

  start(): void {
    this.#open();
    this.#watch = setInterval(() => this.#lookForSilence(), 1_000);
  }

  stop(): void {
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.#forget();
    connection.value = { state: "closed" };
  }

  /** Try at once instead of waiting. */
  retryNow(): void {
    if (connection.value.state !== "lost" || this.#socket) return;
    clearTimeout(this.#retry);
    this.#open();
  }

  #open(): void {
    const since = this.#seq === undefined ? "" : `?since=${this.#seq}`;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws${since}`);
    this.#socket = socket;
    if (connection.value.state !== "lost") connection.value = { state: "connecting" };
    socket.onmessage = (event: MessageEvent<string>) => {
      this.#heard();
      const message = JSON.parse(event.data) as Message;
      this.#seq = message.seq;
      this.#hasBeat ||= message.type === BEAT;
      this.#take(message);
    };
    socket.onopen = () => this.#heard();
    socket.onclose = (event) => {
      if (event.code === LOGIN_ENDED) session.value = null;
      else this.#lost();
    };
  }

  #heard(): void {
    this.#heardAt = performance.now();
    this.#attempt = 0;
    if (connection.value.state !== "live") connection.value = { state: "live" };
  }

  #lost(): void {
    this.#forget();
    if (connection.value.state !== "lost") this.#lostMs = Date.now();
    const wait = backOff(this.#attempt++, Math.random());
    connection.value = { state: "lost", sinceMs: this.#lostMs, retryAtMs: Date.now() + wait };
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), wait);
  }

  #forget(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onmessage = socket.onopen = socket.onclose = null;
    socket.close();
  }

  #lookForSilence(): void {
    if (connection.value.state !== "live" || performance.now() - this.#heardAt < SILENCE_MS) return;
    if (this.#hasBeat) this.#lost();
    else void this.#ask();
  }

  /** Where silence may mean that nothing happens, ask the server whether it is there. */
  async #ask(): Promise<void> {
    const silent = this.#socket;
    this.#heardAt = performance.now();
    try {
      await fetch("/api/v1/session", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    } catch {
      if (silent === this.#socket && connection.value.state === "live") this.#lost();
    }
  }
}

let stream: Stream | undefined;

/** Open the stream; `take` gets every message, until the function that is returned is called. */
export function listen(take: (message: Message) => void): () => void {
  const opened = new Stream(take);
  stream = opened;
  opened.start();
  return () => opened.stop();
}

export function retryNow(): void {
  stream?.retryNow();
}

// Whoever takes the phone out of the pocket should not wait for the back-off.
addEventListener("online", retryNow);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") retryNow();
});
