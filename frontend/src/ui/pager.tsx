/** From one part of a list to the next. Where in the list it is stands in the address. */

import type { JSX } from "preact";
import { refine } from "../router.ts";

interface Props {
  offset: number;
  limit: number;
  count: number;
  nextOffset: number | null;
}

export function Pager({ offset, limit, count, nextOffset }: Props): JSX.Element | null {
  if (offset === 0 && nextOffset === null) return null;
  const go = (to: number): void => refine({ offset: to > 0 ? String(to) : undefined });
  return (
    <nav class="pager" aria-label="Parts of the list">
      <button type="button" class="button" disabled={offset === 0} onClick={() => go(offset - limit)}>
        Newer
      </button>
      <span class="muted numeric">
        {offset + 1} – {offset + count}
      </span>
      <button type="button" class="button" disabled={nextOffset === null} onClick={() => go(nextOffset ?? offset)}>
        Older
      </button>
    </nav>
  );
}
