/** The candles of one symbol, with what the bot did there: entries, exits, vetoes, and the levels that count now. */

import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { useResource } from "../api/resource.ts";
import type { CandleSeries, Decision, Order, Page, Position, Trade } from "../api/types.ts";
import { moment, price, signed, words } from "../format.ts";
import { candles, news, orders, positions } from "../live/store.ts";
import { href } from "../router.ts";
import { Failure } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { Profit, Time } from "../ui/values.tsx";
import { ChartFigure, useDrawing } from "./canvas.tsx";
import type { Bar, CandleDrawing, Level, Mark } from "./draw.ts";
import { stopPoints } from "./stops.ts";

const BARS = 500;
/** Where stops were is asked for so often; where they are now the stream tells. */
const STOPS_EVERY_MS = 10_000;

/** What happened at a candle, for the eye and as a line of the table below. */
interface Happening extends Mark {
  readonly what: string;
  readonly at: string;
  readonly profit: string | null;
}

export function CandleChart({ symbol }: { symbol: string }): JSX.Element {
  const series = useResource<CandleSeries>("/candles", { symbol, limit: BARS }, news.snapshot);
  const sinceMs = series.data?.items[0]?.time_ms;
  const since = sinceMs === undefined ? undefined : new Date(sinceMs).toISOString();
  const asked = since === undefined ? null : undefined;
  const trades = useResource<Page<Trade>>(asked ?? "/trades", { symbol, since, limit: BARS }, news.position);
  const vetoes = useResource<Page<Decision>>(
    asked ?? "/decisions",
    { symbol, since, vetoed: true, limit: BARS },
    news.decision,
  );
  const stops = useResource<Page<Order>>(
    asked ?? "/orders",
    // Not only those since the first candle: one that was placed before it may rest for long.
    { symbol, purpose: "stop", limit: BARS },
    news.order,
    STOPS_EVERY_MS,
    news.held,
  );
  const held = [...positions.value.values()].find((position) => position.symbol === symbol);
  const intervalMs = series.data?.interval_ms ?? 1;
  const happenings = useMemo(
    () => happeningsOf(trades.data?.items ?? [], vetoes.data?.items ?? [], held, intervalMs, sinceMs ?? 0),
    [trades.data, vetoes.data, held?.id, held?.average_entry, intervalMs, sinceMs],
  );

  const [container, drawing] = useDrawing<CandleDrawing>(
    (draw, element) => new draw.CandleDrawing(element, (id) => (location.hash = href("decisions", { id }))),
  );
  useEffect(() => drawing?.show((series.data?.items ?? []).map(barOf)), [drawing, series.data]);
  const newest = candles.value.get(symbol);
  useEffect(() => {
    if (!newest || newest.interval_ms !== series.data?.interval_ms) return;
    if (drawing?.add(newest.items.map(barOf)) === false) series.reload();
  }, [drawing, series.data, newest]);
  useEffect(() => drawing?.mark(happenings), [drawing, happenings]);
  const levels = levelsOf(held);
  useEffect(() => drawing?.level(levels), [drawing, JSON.stringify(levels)]);

  const live = [...orders.value.values()].filter((order) => order.symbol === symbol && order.purpose === "stop");
  useEffect(() => {
    const untilMs = newest?.items.at(-1)?.time_ms ?? series.data?.items.at(-1)?.time_ms;
    if (sinceMs === undefined || untilMs === undefined) return;
    const all = new Map([...(stops.data?.items ?? []), ...live].map((order) => [order.id, order]));
    const isLive = ({ id }: Order): boolean => orders.value.has(id);
    drawing?.trail(stopPoints([...all.values()], isLive, intervalMs, sinceMs, untilMs));
  }, [drawing, stops.data, newest, sinceMs, live.map(({ id }) => id).join()]);

  const last = newest?.items.at(-1) ?? series.data?.items.at(-1);
  const summary = last
    ? `Candles of ${symbol}, ${series.data?.timeframe ?? ""}: last close ${price(last.close)}, ` +
      `${happenings.length} entries, exits and vetoes, listed below` +
      (held?.stop_price ? `; held with a stop at ${price(held.stop_price)}` : "")
    : `Candles of ${symbol}, none yet`;
  return (
    <>
      {series.problem && !series.data && <Failure problem={series.problem} />}
      <ChartFigure container={container} isTall summary={summary}>
        <Legend />
      </ChartFigure>
      <details class="details" data-testid="happenings">
        <summary>Entries, exits and vetoes as a table ({happenings.length})</summary>
        <Table
          caption={`Entries, exits and vetoes in ${symbol}`}
          columns={COLUMNS}
          rows={[...happenings].reverse()}
          keyOf={(row) => `${row.kind} ${row.id}`}
          empty="Nothing has happened in the candles shown."
        />
      </details>
    </>
  );
}

function Legend(): JSX.Element {
  return (
    <ul class="legend">
      <li>
        <span class="legend__sign legend__sign--accent">▲</span> entry
      </li>
      <li>
        <span class="legend__sign legend__sign--good">▼</span> exit with gain
      </li>
      <li>
        <span class="legend__sign legend__sign--bad">▼</span> exit with loss
      </li>
      <li>
        <span class="legend__sign legend__sign--bad">···</span> stop
      </li>
      <li>
        <span class="legend__sign legend__sign--warn">●</span> vetoed
      </li>
      <li>hollow: rose · full: fell</li>
    </ul>
  );
}

const COLUMNS: readonly Column<Happening>[] = [
  { label: "What", isTitle: true, cell: (row) => row.what },
  { label: "Time (UTC)", isWide: true, cell: (row) => <Time at={row.time_ms} as="full" /> },
  { label: "Price", isNumber: true, cell: (row) => price(row.at) },
  { label: "Profit", isNumber: true, cell: (row) => (row.profit === null ? "" : <Profit value={row.profit} />) },
  {
    label: "Why",
    cell: (row) => (
      <a href={href("decisions", { id: row.id })} aria-label={`Why: ${row.what}, ${moment(row.time_ms)}`}>
        decision
      </a>
    ),
  },
];

function happeningsOf(
  trades: readonly Trade[],
  vetoes: readonly Decision[],
  held: Position | undefined,
  intervalMs: number,
  sinceMs: number,
): Happening[] {
  const found: Happening[] = [];
  for (const trade of trades) {
    found.push(entry(trade.id, trade.opened_ms, trade.average_entry));
    found.push({
      id: trade.id,
      kind: trade.profit.startsWith("-") ? "lost" : "won",
      time_ms: trade.closed_ms,
      text: signed(trade.profit, 2),
      what: `Exit: ${words(trade.exit_reason)}`,
      at: trade.average_exit,
      profit: trade.profit,
    });
  }
  if (held?.average_entry) found.push(entry(held.id, held.opened_ms, held.average_entry));
  for (const decision of vetoes.filter((one) => !one.is_idle)) {
    found.push({
      id: decision.id,
      kind: "veto",
      time_ms: decision.time_ms - 1,
      text: "",
      what: `Vetoed: ${decision.veto_text}`,
      at: decision.price,
      profit: null,
    });
  }
  return found
    .map((one) => ({ ...one, time_ms: Math.floor(one.time_ms / intervalMs) * intervalMs }))
    .filter((one) => one.time_ms >= sinceMs)
    .sort((a, b) => a.time_ms - b.time_ms);
}

function entry(id: string, timeMs: number, at: string): Happening {
  return { id, kind: "entry", time_ms: timeMs, text: "", what: "Entry", at, profit: null };
}

function levelsOf(held: Position | undefined): Level[] {
  if (!held) return [];
  const prices = [
    ["entry", held.average_entry],
    ["stop", held.stop_price],
    ["target", held.target_price],
  ] as const;
  return prices.flatMap(([kind, at]) => (at === null ? [] : [{ kind, price: Number(at) }]));
}

function barOf(candle: CandleSeries["items"][number]): Bar {
  return {
    time_ms: candle.time_ms,
    open: Number(candle.open),
    high: Number(candle.high),
    low: Number(candle.low),
    close: Number(candle.close),
    volume: Number(candle.volume),
  };
}
