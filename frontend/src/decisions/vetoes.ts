/** What stood against a decision, in words; limits by the names of their gauges. Logs and exports have the code. */
const WORDS: Readonly<Record<string, string>> = {
  NOTHING_TO_EXIT: "nothing to exit",
  EXIT_UNDER_WAY: "already on its way out",
  POSITION_OPEN: "already holds it",
  CANDLE_TOO_OLD: "the candle is too old",
  ORDERS_UNRESOLVED: "an earlier order is not settled yet",
  KILL_SWITCH: "the kill switch is set",
  HALTED: "the circuit breaker has halted entries",
  PAUSED: "entries are paused",
  ENTRIES_LATCHED: "entries are stopped",
  NOT_RECONCILED: "the account is not compared with the exchange yet",
  DECISION_FAILED: "deciding failed with an error",
  CHECK_FAILED: "the risk check failed with an error",
  SIZE_INPUT_UNKNOWN: "no size: a figure for it is missing or not above zero",
  SIZE_STOP_TOO_FAR: "no size: the stop would be at zero or below",
  SIZE_BELOW_MINIMUM: "what may be bought is below the exchange's minimum",
  NO_PRICE: "no price is known",
  NOT_REDUCING: "it would not reduce what is held",
  ORDER_DUPLICATE: "this order exists already",
  ORDER_QUANTITY: "the exchange does not take this quantity",
  ORDER_PRICE: "the exchange does not take this price",
  ORDER_MIN_NOTIONAL: "worth less than the exchange's minimum",
  ORDER_PRICE_COLLAR: "too far from the last price",
  ORDER_RATE: "too many entries within a minute",
  LIMIT_CASH: "not enough cash",
  LIMIT_CAPITAL: "limit: the bot's capital",
  LIMIT_OPEN_POSITIONS: "limit: open positions",
  LIMIT_POSITION_SIZE: "limit: largest position",
  LIMIT_SYMBOL_EXPOSURE: "limit: exposure in one symbol",
  LIMIT_STRATEGY_EXPOSURE: "limit: exposure of the strategy",
  LIMIT_GROSS_EXPOSURE: "limit: exposure in all",
};

/** A code that this page does not know, of a bot that is newer, is shown as it came. */
export function vetoWords(code: string): string {
  return WORDS[code] ?? code;
}

/** Vetoes that only say that there is nothing to do: no limit stood in the way, and nobody has to look at them. */
const ROUTINE = new Set(["POSITION_OPEN", "NOTHING_TO_EXIT", "EXIT_UNDER_WAY"]);

export function isRoutine(veto: string): boolean {
  return ROUTINE.has(veto);
}
