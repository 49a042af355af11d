/** What was earned and lost: the finished trades, filtered, and all of them as CSV. */

import type { JSX } from "preact";
import { address } from "../api/client.ts";
import { useResource } from "../api/resource.ts";
import type { Page, Trade } from "../api/types.ts";
import { duration, money, price, quantity, words } from "../format.ts";
import { status } from "../live/status.ts";
import { news } from "../live/store.ts";
import { href, route } from "../router.ts";
import { Choice, DateField, dayAfter, SymbolChoice } from "../ui/filters.tsx";
import { PageHead, Panel, Failure, Waiting } from "../ui/page.tsx";
import { Pager } from "../ui/pager.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { Percent, Profit, Time } from "../ui/values.tsx";

const LIMIT = 50;

const COLUMNS: readonly Column<Trade>[] = [
  { label: "Symbol", isTitle: true, cell: (trade) => trade.symbol },
  { label: "Closed", isWide: true, cell: (trade) => <Time at={trade.closed_at} as="full" /> },
  { label: "Held", isNumber: true, cell: (trade) => duration(trade.closed_ms - trade.opened_ms) },
  { label: "Quantity", isNumber: true, isMinor: true, cell: (trade) => quantity(trade.quantity) },
  { label: "Entry", isNumber: true, cell: (trade) => price(trade.average_entry) },
  { label: "Exit", isNumber: true, cell: (trade) => price(trade.average_exit) },
  { label: "Fees", isNumber: true, isMinor: true, cell: (trade) => money(trade.fees) },
  { label: "Profit", isNumber: true, cell: (trade) => <Profit value={trade.profit} /> },
  { label: "Profit %", isNumber: true, cell: (trade) => <Percent value={trade.profit_pct} /> },
  { label: "Why closed", cell: (trade) => words(trade.exit_reason) },
  {
    label: "Why opened",
    cell: (trade) => (
      <a href={href("decisions", { id: trade.id })} aria-label={`Why ${trade.symbol} was opened`}>
        decision
      </a>
    ),
  },
];

export function Trades(): JSX.Element {
  const { symbol, outcome, since, until, offset } = route.value.query;
  const chosen = { symbol, outcome, since, until: dayAfter(until) };
  const found = useResource<Page<Trade>>("/trades", { ...chosen, limit: LIMIT, offset }, news.position);
  const quote = status.value?.money?.quote ?? "";
  return (
    <>
      <PageHead title="Trades">
        <a class="button" href={address("/trades.csv", chosen)} download="trades.csv">
          Export CSV
        </a>
      </PageHead>
      <div class="stack">
        <div class="filters">
          <SymbolChoice />
          <Choice
            label="Outcome"
            name="outcome"
            options={[
              ["", "All"],
              ["won", "Won"],
              ["lost", "Lost"],
              ["even", "Even"],
            ]}
          />
          <DateField label="Closed from (UTC)" name="since" />
          <DateField label="Closed until (UTC)" name="until" />
        </div>
        <Panel title={`Finished trades, newest first${quote && ` · money in ${quote}, after fees`}`}>
          {found.problem && found.data && <Failure problem={found.problem} />}
          {found.data ? (
            <>
              <Table
                caption="Finished trades"
                columns={COLUMNS}
                rows={found.data.items}
                keyOf={(trade) => trade.id}
                empty="No finished trade fits."
              />
              <Pager
                offset={found.data.offset}
                limit={LIMIT}
                count={found.data.items.length}
                nextOffset={found.data.next_offset}
              />
            </>
          ) : (
            <Waiting problem={found.problem} />
          )}
        </Panel>
      </div>
    </>
  );
}
