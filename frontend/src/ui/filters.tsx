/** Fields that choose what a list shows. What is chosen stands in the address. */

import type { JSX } from "preact";
import { refine, route } from "../router.ts";
import { status } from "../live/status.ts";

interface ChoiceProps {
  label: string;
  /** The name in the address. */
  name: string;
  options: readonly (readonly [string, string])[];
  /** What is in force where the address says nothing. */
  fallback?: string;
}

export function Choice({ label, name, options, fallback = "" }: ChoiceProps): JSX.Element {
  return (
    <label class="field">
      <span class="field__label">{label}</span>
      <select
        value={route.value.query[name] ?? fallback}
        onChange={(event) => refine({ [name]: event.currentTarget.value, offset: undefined })}
      >
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** One of the symbols of the bot, or, where none is needed, all of them. */
export function SymbolChoice({ needed }: { needed?: string | undefined }): JSX.Element {
  const symbols = (status.value?.symbols ?? []).map(({ symbol }) => [symbol, symbol] as const);
  if (needed !== undefined) return <Choice label="Symbol" name="symbol" options={symbols} fallback={needed} />;
  return <Choice label="Symbol" name="symbol" options={[["", "All"], ...symbols]} />;
}

export function DateField({ label, name }: { label: string; name: string }): JSX.Element {
  return (
    <label class="field">
      <span class="field__label">{label}</span>
      <input
        type="date"
        value={route.value.query[name] ?? ""}
        onChange={(event) => refine({ [name]: event.currentTarget.value, offset: undefined })}
      />
    </label>
  );
}

/** The day after a date of a field, so that “until” takes in the day that is named. */
export function dayAfter(date: string | undefined): string | undefined {
  if (!date) return undefined;
  const next = new Date(`${date}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return next.toISOString().slice(0, 10);
}
