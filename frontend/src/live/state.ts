/** The bot's state in one word, and how worrying it is. */

import { computed } from "@preact/signals";
import type { Status } from "../api/types.ts";
import type { Tone } from "../ui/values.tsx";
import { connection } from "./socket.ts";
import { status, statusProblem } from "./status.ts";

export interface BotState {
  readonly tone: Tone;
  readonly word: string;
}

/** How the server begins to say that the kill switch is set. */
const KILL_SWITCH = "kill switch";

const NOT_RUNNING: Record<string, BotState | undefined> = {
  never_started: { tone: "plain", word: "Never started" },
  stopped: { tone: "bad", word: "Not running" },
  not_responding: { tone: "bad", word: "Not responding" },
};

/** By how the server begins what stops entries; the first that fits counts. */
const STOPPED_BY: readonly (readonly [string, BotState])[] = [
  [KILL_SWITCH, { tone: "bad", word: "Killed" }],
  ["halted", { tone: "bad", word: "Halted" }],
  ["paused", { tone: "warn", word: "Paused" }],
];

const PHASES: Record<string, BotState | undefined> = {
  trading: { tone: "good", word: "Trading" },
  idle: { tone: "plain", word: "Idle" },
  starting: { tone: "warn", word: "Starting" },
  recovering: { tone: "warn", word: "Recovering" },
  stopping: { tone: "warn", word: "Stopping" },
};

export function botStateOf(found: Status): BotState {
  const stopped = STOPPED_BY.find(([start]) => found.entries_stopped_by.some((why) => why.startsWith(start)));
  return NOT_RUNNING[found.bot.state] ?? stopped?.[1] ?? PHASES[found.bot.phase ?? ""] ?? { tone: "warn", word: "Running" };
}

/** Whether nothing is heard from the server. */
export const isLost = computed(() => connection.value.state === "lost" || statusProblem.value !== undefined);

export const botState = computed<BotState>(() => {
  // Who does not hear from the server knows nothing of the bot either.
  if (isLost.value) return { tone: "warn", word: "Not known" };
  return status.value ? botStateOf(status.value) : { tone: "plain", word: "Asking …" };
});

/** Whether the kill switch is set, be there a bot or not. */
export const isKilled = computed(() => status.value?.entries_stopped_by.some((why) => why.startsWith(KILL_SWITCH)) ?? false);

/** Whether what moves with the market may be old: nobody tells what has changed since. */
export const isStale = computed(
  () => isLost.value || (status.value !== undefined && status.value.bot.state !== "running"),
);
