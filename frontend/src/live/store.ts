/** How things stand, as the stream has told: one signal for each kind of thing, so that only what shows it is redrawn. */

import { batch, signal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { toast } from "../ui/toast.tsx";
import type { Tone } from "../ui/values.tsx";
import type { Alert, Candle, CandleSeries, Decision, EquityPoint, Fill, Order, Position } from "../api/types.ts";
import type { Message } from "./socket.ts";

const RECENT_KEPT = 50;
const CANDLES_KEPT = 20;

export const positions = signal<ReadonlyMap<string, Position>>(new Map());
export const orders = signal<ReadonlyMap<string, Order>>(new Map());
export const fills = signal<readonly Fill[]>([]);
/** The last ones, the newest last. */
export const alerts = signal<readonly Alert[]>([]);
/** The newest decision of each symbol. */
export const decisions = signal<ReadonlyMap<string, Decision>>(new Map());
/** The newest candles of each symbol. */
export const candles = signal<ReadonlyMap<string, CandleSeries>>(new Map());
export const equity = signal<EquityPoint | null>(null);
/** Whether the first snapshot has come. */
export const isReady = signal(false);
/** When the server last told anything (its clock, ISO 8601). */
export const heardAt = signal<string | null>(null);

/** Each grows with the messages of its kind, for what is asked from the server when there is news. */
export const news = {
  position: signal(0),
  order: signal(0),
  fill: signal(0),
  /** Something was bought or sold, or a position has come or gone: what is held is not what it was. */
  held: signal(0),
  decision: signal(0),
  equity: signal(0),
  health: signal(0),
  safety: signal(0),
  metrics: signal(0),
  alert: signal(0),
  anything: signal(0),
  /** Something may have been missed: all that was asked before is old. */
  snapshot: signal(0),
};

interface Snapshot {
  positions: Position[];
  orders: Order[];
  trades: Fill[];
  decisions: Decision[];
  candles: CandleSeries[];
  equity: EquityPoint | null;
  alerts: Alert[];
}

/** Take one message of the stream in. */
export function take(message: Message): void {
  batch(() => {
    heardAt.value = message.timestamp;
    READERS[message.type]?.(message.data as never);
    grow(news.anything);
  });
}

const READERS: Record<string, ((data: never) => void) | undefined> = {
  snapshot: takeSnapshot,
  position_update(position: Position): void {
    const before = positions.value.get(position.id);
    const isClosed = position.state === "closed";
    keep(positions, position.id, position, isClosed);
    if (before?.quantity !== (isClosed ? undefined : position.quantity)) grow(news.held);
    grow(news.position);
  },
  order_update(order: Order): void {
    keep(orders, order.id, order, !order.is_live);
    grow(news.order);
  },
  trade_executed(fill: Fill): void {
    fills.value = [...fills.value, fill].slice(-RECENT_KEPT);
    grow(news.fill);
    grow(news.held);
  },
  decision(decision: Decision): void {
    keep(decisions, decision.symbol, decision);
    grow(news.decision);
  },
  candle(series: CandleSeries): void {
    keep(candles, series.symbol, joined(candles.value.get(series.symbol), series));
  },
  equity_update(point: EquityPoint): void {
    equity.value = point;
    grow(news.equity);
  },
  health_update: () => grow(news.health),
  safety_update: () => grow(news.safety),
  metrics_update: () => grow(news.metrics),
  alert(found: Alert): void {
    const isKnown = alerts.value.some(({ seq }) => seq === found.seq);
    alerts.value = isKnown
      ? alerts.value.map((alert) => (alert.seq === found.seq ? found : alert))
      : [...alerts.value, found].slice(-RECENT_KEPT);
    const tone = found.acknowledged_at === null ? LOUD[found.level] : undefined;
    if (tone) toast(tone, `${found.headline}: ${found.text}`);
    grow(news.alert);
  },
};

/** Levels of alerts that are told at once, wherever the owner is; the others wait on their page. */
const LOUD: Record<string, Tone | undefined> = { warning: "warn", critical: "bad" };

function takeSnapshot(found: Snapshot): void {
  positions.value = new Map(found.positions.map((position) => [position.id, position]));
  orders.value = new Map(found.orders.map((order) => [order.id, order]));
  fills.value = found.trades;
  decisions.value = new Map(found.decisions.map((decision) => [decision.symbol, decision]));
  candles.value = new Map(found.candles.map((series) => [series.symbol, series]));
  equity.value = found.equity;
  alerts.value = found.alerts;
  isReady.value = true;
  for (const counter of Object.values(news)) grow(counter);
}

function keep<T>(map: Signal<ReadonlyMap<string, T>>, key: string, value: T, ends = false): void {
  const next = new Map(map.value);
  if (ends) next.delete(key);
  else next.set(key, value);
  map.value = next;
}

/** The older candles and the newer ones, each time once, of which the newer counts. */
function joined(before: CandleSeries | undefined, after: CandleSeries): CandleSeries {
  if (before?.interval_ms !== after.interval_ms) return after;
  const byTime = new Map<number, Candle>([...before.items, ...after.items].map((candle) => [candle.time_ms, candle]));
  const items = [...byTime.values()].sort((a, b) => a.time_ms - b.time_ms);
  return { ...after, items: items.slice(-CANDLES_KEPT) };
}

function grow(counter: Signal<number>): void {
  counter.value += 1;
}
