/** In five seconds: is it alive, what does it wait for, what is it worth, what does it hold, is it well. */

import type { JSX } from "preact";
import { EquityChart } from "../charts/equity.tsx";
import { Verdict } from "../decisions/verdict.tsx";
import { duration, price, quantity, score, words } from "../format.ts";
import { HealthPanel } from "../health/lamps.tsx";
import { botState } from "../live/state.ts";
import { status, statusProblem } from "../live/status.ts";
import { decisions, fills, isReady, positions } from "../live/store.ts";
import type { Decision, Fill, Status } from "../api/types.ts";
import { Performance } from "../performance/panel.tsx";
import { href } from "../router.ts";
import { Coded } from "../ui/coded.tsx";
import { Limits } from "../safety/limits.tsx";
import { PageHead, Panel, Waiting } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { Lamp, Money, Percent, Profit, Time } from "../ui/values.tsx";
import { POSITION_COLUMNS } from "./positions.tsx";

const FILLS_SHOWN = 5;
const LIMITS = ["LIMIT_OPEN_POSITIONS", "LIMIT_GROSS_EXPOSURE", "DRAWDOWN_DAILY", "DRAWDOWN_TOTAL", "LOSING_STREAK"];

export function Overview(): JSX.Element {
  const found = status.value;
  return (
    <>
      <PageHead title="Overview" />
      {found ? <Standing found={found} /> : <Waiting problem={statusProblem.value} />}
    </>
  );
}

function Standing({ found }: { found: Status }): JSX.Element {
  return (
    <div class="stack">
      <Now found={found} />
      <Figures found={found} />
      <Panel title="Open positions" tools={<More page="positions" />}>
        <Table
          caption="Open positions"
          columns={POSITION_COLUMNS}
          rows={[...positions.value.values()]}
          keyOf={(position) => position.id}
          empty={isReady.value ? "Nothing is held." : "Loading …"}
        />
      </Panel>
      <div class="columns">
        <EquityChart />
        <div class="stack">
          <HealthPanel />
          <Limits codes={LIMITS} />
        </div>
      </div>
      <Performance />
      <div class="halves">
        <Panel title="Last decisions" tools={<More page="decisions" />}>
          <Table
            caption="The last decision of each symbol"
            isDense
            columns={DECISIONS}
            rows={[...decisions.value.values()].sort((a, b) => a.symbol.localeCompare(b.symbol))}
            keyOf={(decision) => decision.symbol}
            empty="Nothing has been decided yet."
          />
        </Panel>
        <Panel title="Last fills" tools={<More page="trades" />}>
          <Table
            caption="The last fills"
            isDense
            columns={FILLS}
            rows={fills.value.slice(-FILLS_SHOWN).reverse()}
            keyOf={(fill) => `${fill.symbol} ${fill.trade_id}`}
            empty="Nothing has been bought or sold yet."
          />
        </Panel>
      </div>
    </div>
  );
}

/** The one sentence: what it does now, or what keeps it from trading. */
function Now({ found }: { found: Status }): JSX.Element {
  const state = botState.value;
  const { bot } = found;
  return (
    <section class="panel now" aria-label="Now" data-testid="now">
      <span class="now__state">
        <Lamp tone={state.tone}>{state.word}</Lamp>
      </span>
      <p class="now__waiting">
        Waiting for <Coded text={found.waiting_for} />.
      </p>
      <p class="small muted numeric">
        {bot.state === "running" && bot.started_at && (
          <>up {duration(Date.parse(found.timestamp) - Date.parse(bot.started_at))} · </>
        )}
        {bot.heartbeat_age_s !== null && <>heartbeat {duration(bot.heartbeat_age_s * 1000)} ago · </>}
        {found.market_time && (
          <>
            market time <Time at={found.market_time} as="full" /> UTC
          </>
        )}
      </p>
      {found.entries_stopped_by.map((reason) => (
        <p key={reason} class="notice notice--bad now__stopped">
          No positions are opened: {reason}
        </p>
      ))}
    </section>
  );
}

function Figures({ found }: { found: Status }): JSX.Element {
  const money = found.money;
  if (!money) return <p class="empty">The bot has not looked at its account yet.</p>;
  return (
    <dl class="figures" aria-label={`Money in ${money.quote}`}>
      <Figure name={`Equity · ${money.quote}`}>
        <Money value={money.equity} />
      </Figure>
      <Figure name="Today" more={<Percent value={money.profit_today_pct} />}>
        <Profit value={money.profit_today} />
      </Figure>
      <Figure name="Since the start" more={<Percent value={money.profit_pct} />}>
        <Profit value={money.profit} />
      </Figure>
      <Figure name="Open risk" more="lost if every stop is hit">
        <Money value={money.open_risk} />
      </Figure>
      <Figure name="Exposure" more={shareOf(money.exposure, money.equity)}>
        <Money value={money.exposure} />
      </Figure>
      <Figure name="Cash" more={`fees so far ${Number(money.fees).toFixed(2)}`}>
        <Money value={money.cash} />
      </Figure>
    </dl>
  );
}

function Figure({ name, more, children }: { name: string; more?: JSX.Element | string; children: JSX.Element }): JSX.Element {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class="figure__value">{children}</dd>
      <dd class="figure__more">{more}</dd>
    </div>
  );
}

/** A share of two amounts for people: its last digits do not matter. */
function shareOf(part: string, whole: string): string {
  return Number(whole) > 0 ? `${((Number(part) / Number(whole)) * 100).toFixed(1)} % of equity` : "";
}

function More({ page }: { page: string }): JSX.Element {
  return (
    <a class="small" href={href(page)} aria-label={`All ${page}`}>
      all
    </a>
  );
}

const DECISIONS: readonly Column<Decision>[] = [
  {
    label: "Symbol",
    isTitle: true,
    cell: (decision) => <a href={href("chart", { symbol: decision.symbol })}>{decision.symbol}</a>,
  },
  { label: "Verdict", isBare: true, cell: (decision) => <Verdict decision={decision} /> },
  { label: "Score", isNumber: true, cell: (decision) => score(decision.score) },
  { label: "Regime", isBare: true, cell: (decision) => words(decision.regime) },
  {
    label: "Why",
    cell: (decision) => (
      <a href={href("decisions", { id: decision.id })} aria-label={`Why: ${decision.symbol}`}>
        {decision.veto_text || "votes"}
      </a>
    ),
  },
];

const FILLS: readonly Column<Fill>[] = [
  { label: "Symbol", isTitle: true, cell: (fill) => fill.symbol },
  { label: "Time", isBare: true, cell: (fill) => <Time at={fill.time} /> },
  { label: "Side", isBare: true, cell: (fill) => (fill.side === "buy" ? "Bought" : "Sold") },
  { label: "Quantity", isNumber: true, cell: (fill) => quantity(fill.quantity) },
  { label: "Price", isNumber: true, cell: (fill) => price(fill.price) },
];
