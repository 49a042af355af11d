/** How well it did: ratios of the equity, and statistics of the finished trades. */

import type { ComponentChildren, JSX } from "preact";
import { useResource } from "../api/resource.ts";
import type { Metrics } from "../api/types.ts";
import { decimal, duration, money, signed } from "../format.ts";
import { news } from "../live/store.ts";
import { Panel, Waiting } from "../ui/page.tsx";
import { Profit, Unknown } from "../ui/values.tsx";

/** Annualised, a few days of luck look like genius: ratios over less say nothing yet. */
const RATIOS_FROM_MS = 30 * 24 * 3_600_000;

export function Performance(): JSX.Element {
  const found = useResource<Metrics>("/metrics/realtime", {}, news.metrics);
  return (
    <Panel title="Performance since the start" testId="performance">
      {found.data ? <Figures of={found.data} /> : <Waiting problem={found.problem} />}
    </Panel>
  );
}

function Figures({ of: { equity, trades } }: { of: Metrics }): JSX.Element {
  const spanMs = equity.start && equity.end ? Date.parse(equity.end) - Date.parse(equity.start) : 0;
  const isShort = spanMs < RATIOS_FROM_MS;
  const basis = `over ${duration(spanMs)}, ${isShort ? "too short to tell" : "annualised"}`;
  return (
    <dl class="metrics">
      <Metric name="Sharpe ratio" more={basis} isFaint={isShort}>
        {number(equity.sharpe)}
      </Metric>
      <Metric name="Sortino ratio" more={basis} isFaint={isShort}>
        {number(equity.sortino)}
      </Metric>
      <Metric name="Drawdown now" more={equity.drawdown_pct > 0 ? "below the highest equity" : "at the highest equity"}>
        {number(equity.drawdown_pct, " %")}
      </Metric>
      <Metric name="Deepest drawdown" more={`longest ${duration(equity.longest_drawdown_s * 1000)}`}>
        {number(equity.max_drawdown_pct, " %")}
      </Metric>
      <Metric name="Exposure, mean" more={share(equity.in_market_pct, "of the time in the market")}>
        {number(equity.exposure_pct, " %")}
      </Metric>
      <Metric name="Win rate" more={`${trades.won} won, ${trades.lost} lost`}>
        {text(trades.win_rate_pct, 1, " %")}
      </Metric>
      <Metric name="Profit factor" more="gains over losses">
        {text(trades.profit_factor, 2)}
      </Metric>
      <Metric name="Profit of a trade" more={`mean of ${trades.trades}, after fees`}>
        <Profit value={trades.expectancy} />
      </Metric>
      <Metric name="Streak" more={`longest ${trades.longest_winning_streak} won, ${trades.longest_losing_streak} lost`}>
        {trades.streak === 0 ? "none" : `${Math.abs(trades.streak)} ${trades.streak > 0 ? "won" : "lost"}`}
      </Metric>
      <Metric name="Fees · slippage" more={slippage(trades.entry_slippage_bps)}>
        {money(trades.fees)} · {signed(trades.entry_slippage, 2)}
      </Metric>
    </dl>
  );
}

interface MetricProps {
  name: string;
  more: string;
  isFaint?: boolean;
  children: ComponentChildren;
}

function Metric({ name, more, isFaint = false, children }: MetricProps): JSX.Element {
  return (
    <div class="metric">
      <dt>{name}</dt>
      <dd class={`metric__value numeric${isFaint ? " muted" : ""}`}>{children}</dd>
      <dd class="metric__more">{more}</dd>
    </div>
  );
}

function number(value: number | null, unit = ""): JSX.Element {
  return value === null ? <Unknown /> : <>{decimal(value.toFixed(2), 2) + unit}</>;
}

function text(value: string | null, places: number, unit = ""): JSX.Element {
  return value === null ? <Unknown /> : <>{decimal(value, places) + unit}</>;
}

function share(value: number | null, what: string): string {
  return value === null ? "" : `${value.toFixed(0)} % ${what}`;
}

/** Of entries alone: that of exits is not worked out. */
function slippage(bps: string | null): string {
  return bps === null ? "" : `entries ${signed(bps, 1)} bps against the decision`;
}
