/** Where the stop rested at each candle: the levels of the stop orders over the time that each of them was there. */

import type { Order } from "../api/types.ts";

/** One level, at the candle that begins at this time. */
export interface StopPoint {
  readonly time_ms: number;
  readonly value: number;
}

const NEVER_RESTED: ReadonlySet<string> = new Set(["intent", "rejected"]);

/**
 * @param stops of one symbol, in any order.
 * @param isLive whether an order rests now.
 * @param untilMs when the last candle begins.
 */
export function stopPoints(
  stops: readonly Order[],
  isLive: (order: Order) => boolean,
  intervalMs: number,
  sinceMs: number,
  untilMs: number,
): StopPoint[] {
  const levels = new Map<number, number>();
  const rested = stops.filter((order) => order.stop_price !== null && !NEVER_RESTED.has(order.state));
  for (const order of rested.sort((a, b) => a.created_ms - b.created_ms)) {
    const endMs = isLive(order) ? untilMs : Date.parse(order.updated_at);
    const first = Math.max(candleOf(order.created_ms, intervalMs), sinceMs);
    for (let at = first; at <= Math.min(endMs, untilMs); at += intervalMs) levels.set(at, Number(order.stop_price));
  }
  return [...levels].map(([time_ms, value]) => ({ time_ms, value })).sort((a, b) => a.time_ms - b.time_ms);
}

function candleOf(timeMs: number, intervalMs: number): number {
  return Math.floor(timeMs / intervalMs) * intervalMs;
}
