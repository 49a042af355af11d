/** One market: its candles, what the bot did there, what it holds of it, and what it last decided. */

import type { JSX } from "preact";
import { CandleChart } from "../charts/candles.tsx";
import { Votes } from "../decisions/votes.tsx";
import { decimal, money, price, quantity, score, sentence, words } from "../format.ts";
import { status } from "../live/status.ts";
import { decisions, positions } from "../live/store.ts";
import { href, route } from "../router.ts";
import { SymbolChoice } from "../ui/filters.tsx";
import { PageHead, Panel, Waiting } from "../ui/page.tsx";
import { Percent, Profit, Time } from "../ui/values.tsx";

export function Chart(): JSX.Element {
  const found = status.value;
  const symbol = route.value.query["symbol"] ?? found?.symbols[0]?.symbol;
  const known = found?.symbols.find((one) => one.symbol === symbol);
  return (
    <>
      <PageHead title="Chart">
        <SymbolChoice needed={symbol ?? ""} />
      </PageHead>
      {symbol ? (
        <div class="stack">
          <Panel
            title={`${symbol}${found?.timeframe ? ` · ${found.timeframe}` : ""}`}
            tools={
              known && (
                <span class="numeric">
                  <strong>{price(known.price)}</strong>{" "}
                  <span class="muted small">
                    <Time at={known.last_close_at} as="full" /> UTC
                  </span>
                </span>
              )
            }
          >
            <CandleChart key={symbol} symbol={symbol} />
          </Panel>
          <div class="columns columns--aside-first">
            <Held symbol={symbol} />
            <LastDecision symbol={symbol} />
          </div>
        </div>
      ) : (
        <Waiting problem={undefined} />
      )}
    </>
  );
}

function LastDecision({ symbol }: { symbol: string }): JSX.Element {
  const last = decisions.value.get(symbol);
  if (!last) {
    return (
      <Panel title="Last decision">
        <p class="empty">Nothing has been decided in {symbol} yet.</p>
      </Panel>
    );
  }
  return (
    <Panel
      title={`Last decision: ${sentence(last.verdict)}`}
      tools={
        <a class="small" href={href("decisions", { symbol, id: last.id })}>
          in full
        </a>
      }
    >
      <p class="muted">
        Score {score(last.score)}, confidence {decimal(String(last.confidence * 100), 0)} %, {words(last.regime)},{" "}
        <Time at={last.time} as="full" /> UTC
        {last.veto && (
          <>
            {last.is_idle ? ", " : ", vetoed: "}
            <span title={last.veto}>{last.veto_text}</span>
          </>
        )}
      </p>
      <Votes votes={last.votes} />
    </Panel>
  );
}

function Held({ symbol }: { symbol: string }): JSX.Element {
  const held = [...positions.value.values()].find((position) => position.symbol === symbol);
  if (!held) {
    return (
      <Panel title="Position">
        <p class="empty">Nothing is held of {symbol}.</p>
      </Panel>
    );
  }
  const shown = (value: string | null): string => (value === null ? "–" : price(value));
  return (
    <Panel title="Position">
      <dl class="facts">
        <div>
          <dt>Quantity</dt>
          <dd>{quantity(held.quantity)}</dd>
        </div>
        <div>
          <dt>Entry</dt>
          <dd>{shown(held.average_entry)}</dd>
        </div>
        <div>
          <dt>Stop</dt>
          <dd>{shown(held.stop_price)}</dd>
        </div>
        <div>
          <dt>Target</dt>
          <dd>{shown(held.target_price)}</dd>
        </div>
        <div>
          <dt>Open risk</dt>
          <dd>{held.open_risk === null ? "–" : money(held.open_risk)}</dd>
        </div>
        <div>
          <dt>Profit</dt>
          <dd>
            <Profit value={held.profit} /> <Percent value={held.profit_pct} />
          </dd>
        </div>
      </dl>
    </Panel>
  );
}
