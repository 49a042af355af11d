/** Short messages about what was done or has happened, read aloud by screen readers. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import type { Tone } from "./values.tsx";

interface Toast {
  readonly id: number;
  readonly tone: Tone;
  readonly text: string;
}

const SHOWN_MS = 8_000;
const SHOWN_MAX = 4;

const toasts = signal<readonly Toast[]>([]);
let last = 0;

export function toast(tone: Tone, text: string): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, tone, text }].slice(-SHOWN_MAX);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((shown) => shown.id !== id);
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((shown) => (
        <div key={shown.id} class={`toast toast--${shown.tone}`}>
          <span>{shown.text}</span>
          <button type="button" class="button button--bare" aria-label="Dismiss" onClick={() => dismiss(shown.id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
