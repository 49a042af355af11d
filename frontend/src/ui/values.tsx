/** Numbers, times and states as they look everywhere. */

import type { JSX } from "preact";
import { clock, moment, money, percent, shortMoment, signOf, signed } from "../format.ts";

/** A profit: green and with a plus above zero, red below. */
export function Profit({ value, places = 2 }: { value: string | null | undefined; places?: number }): JSX.Element {
  if (value === null || value === undefined) return <Unknown />;
  return <span class={tone(value)}>{signed(value, places)}</span>;
}

export function Percent({ value }: { value: string | null | undefined }): JSX.Element {
  if (value === null || value === undefined) return <Unknown />;
  return <span class={tone(value)}>{percent(value)}</span>;
}

export function Money({ value }: { value: string | null | undefined }): JSX.Element {
  return value === null || value === undefined ? <Unknown /> : <>{money(value)}</>;
}

export function Unknown(): JSX.Element {
  return (
    <span class="muted" title="not known">
      –<span class="hidden"> not known</span>
    </span>
  );
}

/** A time in UTC; the pointer shows it in full, and as it was where the reader is. */
export function Time({ at, as = "short" }: { at: string | number | null; as?: "short" | "full" | "clock" }): JSX.Element {
  if (at === null) return <Unknown />;
  const shown = as === "full" ? moment(at) : as === "clock" ? clock(at) : shortMoment(at);
  const date = new Date(at);
  return (
    <time dateTime={date.toISOString()} title={`${moment(at)} UTC · here ${date.toLocaleString()}`}>
      {shown}
    </time>
  );
}

export type Tone = "good" | "warn" | "bad" | "plain" | "info";

/** A state: a shape and a word, so that nothing is told by colour alone. */
export function Lamp({ tone: shade, children }: { tone: Tone; children: string }): JSX.Element {
  return (
    <span class={`lamp lamp--${shade}`}>
      <svg class="lamp__shape" viewBox="0 0 12 12" aria-hidden="true">
        {SHAPES[shade]}
      </svg>
      {children}
    </span>
  );
}

const SHAPES: Record<Tone, JSX.Element> = {
  good: <circle cx="6" cy="6" r="5" />,
  warn: <path d="M6 0.5 11.8 11.2H0.2Z" />,
  bad: <path d="M3.6 0.5h4.8l3.1 3.1v4.8l-3.1 3.1H3.6L.5 8.4V3.6z" />,
  plain: <circle cx="6" cy="6" r="4" class="lamp__ring" />,
  info: <path d="M6 0.5 11.5 6 6 11.5 0.5 6Z" />,
};

export function Tag({ tone: shade = "plain", children }: { tone?: Tone; children: string }): JSX.Element {
  return <span class={`tag tag--${shade}`}>{children}</span>;
}

function tone(value: string): string {
  const sign = signOf(value);
  return sign > 0 ? "gain" : sign < 0 ? "loss" : "even";
}
