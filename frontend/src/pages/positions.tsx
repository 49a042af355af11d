/** What is held and what is ordered, with the ways out. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { CancelOrder, CloseAll, ClosePosition, ResolveOrder } from "../actions/dialogs.tsx";
import { useResource } from "../api/resource.ts";
import type { Order, Page, Position } from "../api/types.ts";
import { money, price, quantity, sentence, words } from "../format.ts";
import { status } from "../live/status.ts";
import { isReady, news, orders, positions } from "../live/store.ts";
import { href } from "../router.ts";
import { PageHead, Panel, Waiting } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { Lamp, Money, Percent, Profit, Tag, Time, Unknown } from "../ui/values.tsx";

const closing = signal<Position | undefined>(undefined);
const isClosingAll = signal(false);
const cancelling = signal<Order | undefined>(undefined);
const resolving = signal<Order | undefined>(undefined);

export const POSITION_COLUMNS: readonly Column<Position>[] = [
  {
    label: "Symbol",
    isTitle: true,
    cell: (position) => (
      <>
        <a href={href("chart", { symbol: position.symbol })}>{position.symbol}</a> <PositionState position={position} />
      </>
    ),
  },
  { label: "Quantity", isNumber: true, cell: (position) => quantity(position.quantity) },
  { label: "Entry", isNumber: true, cell: (position) => <Price value={position.average_entry} /> },
  { label: "Price", isNumber: true, cell: (position) => <Price value={position.price} /> },
  { label: "Stop", isNumber: true, cell: (position) => <Price value={position.stop_price} /> },
  { label: "Target", isNumber: true, cell: (position) => <Price value={position.target_price} /> },
  { label: "Value", isNumber: true, cell: (position) => <Money value={position.value} /> },
  { label: "Risk", isNumber: true, cell: (position) => <Money value={position.open_risk} /> },
  { label: "Profit", isNumber: true, cell: (position) => <Profit value={position.profit} /> },
  { label: "Profit %", isNumber: true, cell: (position) => <Percent value={position.profit_pct} /> },
];

const POSITIONS_PAGE: readonly Column<Position>[] = [
  ...POSITION_COLUMNS,
  { label: "Opened", isMinor: true, cell: (position) => <Time at={position.opened_at} /> },
  {
    label: "Actions",
    isActions: true,
    cell: (position) => (
      <span class="table__actions">
        <a class="button button--small" href={href("decisions", { id: position.id })}>
          Why
        </a>
        <button
          type="button"
          class="button button--small"
          aria-label={`Close ${position.symbol}`}
          onClick={() => (closing.value = position)}
        >
          Close
        </button>
      </span>
    ),
  },
];

const ORDERS: readonly Column<Order>[] = [
  {
    label: "Symbol",
    isTitle: true,
    cell: (order) => (
      <>
        {order.symbol} <span class="muted">{order.purpose}</span>
      </>
    ),
  },
  { label: "Order", cell: (order) => `${sentence(order.side)} ${words(order.type)}` },
  { label: "Quantity", isNumber: true, cell: (order) => quantity(order.quantity) },
  { label: "Filled", isNumber: true, cell: (order) => quantity(order.filled_quantity) },
  { label: "At", isNumber: true, cell: (order) => <Price value={order.stop_price ?? order.price ?? order.average_price} /> },
  { label: "State", cell: (order) => <OrderState order={order} /> },
  { label: "Updated", cell: (order) => <Time at={order.updated_at} /> },
  { label: "Why", isText: true, cell: (order) => order.message || words(order.reason) },
];

const LIVE_ORDERS: readonly Column<Order>[] = [
  ...ORDERS,
  {
    label: "Actions",
    isActions: true,
    cell: (order) => (
      <span class="table__actions">
        {order.is_in_doubt && (
          <button type="button" class="button button--small" onClick={() => (resolving.value = order)}>
            Resolve
          </button>
        )}
        {order.is_live && (
          <button
            type="button"
            class="button button--small"
            aria-label={`Cancel the ${order.purpose} order in ${order.symbol}`}
            disabled={order.cancel_requested_at !== null}
            onClick={() => (cancelling.value = order)}
          >
            {order.cancel_requested_at === null ? "Cancel" : "Cancelling …"}
          </button>
        )}
      </span>
    ),
  },
];

export function Positions(): JSX.Element {
  const held = [...positions.value.values()];
  const live = [...orders.value.values()];
  const quote = status.value?.money?.quote;
  return (
    <>
      <PageHead title="Positions and orders" />
      <div class="stack">
        <Panel
          title={`Open positions${quote ? ` · money in ${quote}, after fees` : ""}`}
          tools={
            held.length > 1 && (
              <button type="button" class="button button--small" onClick={() => (isClosingAll.value = true)}>
                Close all …
              </button>
            )
          }
        >
          {isReady.value ? (
            <>
              <Table
                caption="Open positions"
                columns={POSITIONS_PAGE}
                rows={held}
                keyOf={(position) => position.id}
                empty="Nothing is held."
              />
              <Sum held={held} />
            </>
          ) : (
            <Waiting problem={undefined} />
          )}
        </Panel>
        <Panel title="Live orders">
          {isReady.value ? (
            <Table
              caption="Live orders"
              columns={LIVE_ORDERS}
              rows={live}
              keyOf={(order) => order.id}
              empty="No order rests at the exchange."
            />
          ) : (
            <Waiting problem={undefined} />
          )}
        </Panel>
        <FinishedOrders />
      </div>
      {closing.value && <ClosePosition position={closing.value} onClose={() => (closing.value = undefined)} />}
      {isClosingAll.value && <CloseAll onClose={() => (isClosingAll.value = false)} />}
      {cancelling.value && <CancelOrder order={cancelling.value} onClose={() => (cancelling.value = undefined)} />}
      {resolving.value && <ResolveOrder order={resolving.value} onClose={() => (resolving.value = undefined)} />}
    </>
  );
}

function FinishedOrders(): JSX.Element {
  const found = useResource<Page<Order>>("/orders", { live: false, limit: 20 }, news.order);
  return (
    <Panel title="The last finished orders">
      {found.data ? (
        <Table
          caption="Finished orders"
          isDense
          columns={ORDERS}
          rows={found.data.items}
          keyOf={(order) => order.id}
          empty="No order has been finished yet."
        />
      ) : (
        <Waiting problem={found.problem} />
      )}
    </Panel>
  );
}

/** What all positions are worth and risk together, as the server has added it up. */
function Sum({ held }: { held: readonly Position[] }): JSX.Element | null {
  const found = status.value?.money;
  if (held.length === 0 || !found) return null;
  return (
    <p class="small muted numeric sum">
      Exposure {money(found.exposure)} {found.quote} · open risk{" "}
      {found.open_risk === null ? "not known" : `${money(found.open_risk)} ${found.quote}`}
    </p>
  );
}

function PositionState({ position }: { position: Position }): JSX.Element | null {
  if (position.unprotected_since) return <Lamp tone="bad">no stop</Lamp>;
  if (position.state === "open") return null;
  return <Tag tone="info">{position.state}</Tag>;
}

function OrderState({ order }: { order: Order }): JSX.Element {
  if (order.is_in_doubt) return <Lamp tone="warn">in doubt</Lamp>;
  if (order.state === "rejected") return <Tag tone="warn">{`rejected ${order.code}`.trim()}</Tag>;
  return <Tag tone={order.is_live ? "info" : "plain"}>{words(order.state)}</Tag>;
}

function Price({ value }: { value: string | null }): JSX.Element {
  return value === null ? <Unknown /> : <>{price(value)}</>;
}
