/** What can be done about a position or an order, asked once more before it is done. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Wish } from "../api/commands.ts";
import type { Order, Position } from "../api/types.ts";
import { money, price, quantity, words } from "../format.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Profit } from "../ui/values.tsx";

export function ClosePosition({ position, onClose }: { position: Position; onClose: () => void }): JSX.Element {
  const wish = useWish(`/positions/${position.id}/close`, `Close ${position.symbol}`);
  return (
    <Confirm title={`Close ${position.symbol}?`} action="Sell at market" isDanger run={() => wish.send()} onClose={onClose}>
      <p>
        Sells all {quantity(position.quantity)} at market
        {position.price !== null && <> (last price {price(position.price)})</>}
        {position.value !== null && <>, worth about {money(position.value)}</>}. Profit so far:{" "}
        <Profit value={position.profit} />.
      </p>
      <p class="muted">Its stop is cancelled first. The bot goes on and may buy again.</p>
    </Confirm>
  );
}

export function CloseAll({ onClose }: { onClose: () => void }): JSX.Element {
  const wish = useWish("/positions/close-all", "Close all positions");
  return (
    <Confirm
      title="Close all positions?"
      action="Sell everything at market"
      isDanger
      asksReason
      run={(reason) => wish.send({ reason })}
      onClose={onClose}
    >
      <p>
        Sells everything that is held and cancels every entry order. The bot goes on and may buy again; pause it, or set the
        kill switch, if it must not.
      </p>
    </Confirm>
  );
}

export function CancelOrder({ order, onClose }: { order: Order; onClose: () => void }): JSX.Element {
  const wish = useWish(`/orders/${order.id}/cancel`, `Cancel the ${order.purpose} order in ${order.symbol}`);
  return (
    <Confirm title={`Cancel this ${order.purpose} order?`} action="Cancel the order" run={() => wish.send()} onClose={onClose}>
      <p>
        {order.symbol}: {order.side} {quantity(order.quantity)}, {words(order.type)}
        {order.stop_price !== null && <> at {price(order.stop_price)}</>}
        {order.price !== null && <>, limit {price(order.price)}</>}.
      </p>
      {order.purpose === "stop" && (
        <p class="notice notice--warn">The bot places a cancelled stop anew: a position is never left without one.</p>
      )}
    </Confirm>
  );
}

export function ResolveOrder({ order, onClose }: { order: Order; onClose: () => void }): JSX.Element {
  return order.is_live ? <ResolveLost order={order} onClose={onClose} /> : <ResolveUnseen order={order} onClose={onClose} />;
}

/** One that has ended, of which the exchange counts more as filled than it shows trades for: nothing can be adopted. */
function ResolveUnseen({ order, onClose }: { order: Order; onClose: () => void }): JSX.Element {
  const wish = useWish(`/orders/${order.id}/resolve`, `Resolve the order in ${order.symbol}`);
  return (
    <Confirm
      title="Wait no longer for its trades?"
      action="Wait no longer"
      isDanger
      run={() => wish.send({ choice: "ignore" })}
      onClose={onClose}
    >
      <p>
        The order to {order.side} {quantity(order.quantity)} {order.symbol} has ended, and the exchange counts more of it as
        filled than it shows trades for. {order.symbol} is blocked until they show. Look at the exchange for the order{" "}
        <code>{order.id}</code> first.
      </p>
      <p>
        What it sold is then booked at the last price. What it bought is yours, and the bot does not trade it.
      </p>
    </Confirm>
  );
}

function ResolveLost({ order, onClose }: { order: Order; onClose: () => void }): JSX.Element {
  const [choice, setChoice] = useState<keyof typeof CHOICES>("adopt");
  const wish = useWish(`/orders/${order.id}/resolve`, `Resolve the order in ${order.symbol}`);
  return (
    <Confirm title="What became of this order?" action="Decide so" isDanger run={() => wish.send({ choice })} onClose={onClose}>
      <p>
        The exchange&apos;s answer to {order.side} {quantity(order.quantity)} {order.symbol} was lost, and {order.symbol} is
        blocked until it is known. Look at the exchange for the order <code>{order.id}</code> first.
      </p>
      <fieldset class="choices">
        <legend class="hidden">What became of it</legend>
        {Object.entries(CHOICES).map(([value, text]) => (
          <label key={value} class="check">
            <input
              type="radio"
              name="choice"
              checked={choice === value}
              onChange={() => setChoice(value as keyof typeof CHOICES)}
            />
            {text}
          </label>
        ))}
      </fieldset>
    </Confirm>
  );
}

const CHOICES = {
  adopt: "It was filled: book it and protect it",
  close: "It was filled: book it and sell it",
  ignore: "There is none, or it is not the bot’s",
};

/** One wish for as long as the dialog is open. */
function useWish(path: string, name: string): Wish {
  const [wish] = useState(() => new Wish(path, name));
  return wish;
}
