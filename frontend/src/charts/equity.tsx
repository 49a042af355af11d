/** The curve of the equity: a day, a week, a month or all of it, growing as the bot trades. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useResource } from "../api/resource.ts";
import type { EquitySeries } from "../api/types.ts";
import { money, signed, shortMoment } from "../format.ts";
import { equity, isReady, news } from "../live/store.ts";
import { Failure, Panel } from "../ui/page.tsx";
import { Segments } from "../ui/segments.tsx";
import { ChartFigure, useDrawing } from "./canvas.tsx";
import type { EquityDrawing } from "./draw.ts";

const DAY_MS = 86_400_000;
const SPANS = { day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS, all: 0 } as const;
type Span = keyof typeof SPANS;

export function EquityChart(): JSX.Element {
  const [span, setSpan] = useState<Span>("day");
  // The market's time, which in a demo or a replay is not the wall clock's.
  const nowMs = equity.value?.time_ms;
  const [endMs, setEndMs] = useState<number>();
  useEffect(() => setEndMs(equity.peek()?.time_ms), [span, isReady.value]);
  const since = SPANS[span] && endMs !== undefined ? new Date(endMs - SPANS[span]).toISOString() : undefined;
  const found = useResource<EquitySeries>(isReady.value ? "/equity" : null, { since, points: 500 }, news.snapshot);
  const [container, drawing] = useDrawing<EquityDrawing>((draw, element) => new draw.EquityDrawing(element));

  useEffect(() => {
    drawing?.show((found.data?.items ?? []).map((point) => ({ time_ms: point.time_ms, value: Number(point.equity) })));
  }, [drawing, found.data]);
  useEffect(() => {
    const point = equity.value;
    if (point && found.data?.items.length) drawing?.add({ time_ms: point.time_ms, value: Number(point.equity) });
  }, [drawing, found.data, nowMs]);

  const tools = (
    <Segments
      label="Span of the curve"
      options={[
        ["day", "Day"],
        ["week", "Week"],
        ["month", "Month"],
        ["all", "All"],
      ]}
      value={span}
      onChange={setSpan}
    />
  );
  return (
    <Panel title="Equity" tools={tools}>
      {found.problem && !found.data && <Failure problem={found.problem} />}
      <ChartFigure container={container} summary={summaryOf(found.data)} />
    </Panel>
  );
}

function summaryOf(series: EquitySeries | undefined): string {
  const [first, last] = [series?.items[0], series?.items.at(-1)];
  if (!series || !first || !last) return "Curve of the equity, without values yet";
  const values = series.items.map((point) => Number(point.equity));
  const change = signed((Number(last.equity) - Number(first.equity)).toFixed(2), 2);
  const [low, high] = [Math.min(...values).toFixed(2), Math.max(...values).toFixed(2)];
  return (
    `Curve of the equity from ${shortMoment(first.time_ms)} to ${shortMoment(last.time_ms)} UTC: ` +
    `${money(first.equity)} to ${money(last.equity)} ${series.quote ?? ""} (${change}), ` +
    `lowest ${money(low)}, highest ${money(high)}`
  );
}
