/** How near each limit is, in the server's own measures. */

import type { JSX } from "preact";
import { useResource } from "../api/resource.ts";
import type { LimitGauge } from "../api/types.ts";
import { decimal, sentence } from "../format.ts";
import { news } from "../live/store.ts";
import { href } from "../router.ts";
import { Gauge } from "../ui/gauge.tsx";
import { Panel, Waiting } from "../ui/page.tsx";

const EVERY_MS = 2_000;

/** @param codes which limits; all where none are named, and with a way to all of them where some are. */
export function Limits({ codes }: { codes?: readonly string[] }): JSX.Element {
  const found = useResource<LimitGauge[]>("/safety/limits", {}, news.equity, EVERY_MS, news.held);
  const more = codes && (
    <a class="small" href={href("safety")} aria-label="All limits">
      all
    </a>
  );
  return (
    <Panel title="Limits" tools={more}>
      {found.data ? (
        <div class="gauges">
          {found.data
            .filter((gauge) => codes?.includes(gauge.code) ?? true)
            .map((gauge) => (
              <Gauge
                key={gauge.code}
                label={sentence(gauge.name)}
                share={Number(gauge.used_pct) / 100}
                text={textOf(gauge)}
                isDanger={!gauge.code.startsWith("LIMIT_")}
              />
            ))}
          {found.data.length === 0 && <p class="empty">No bot has told its limits yet.</p>}
        </div>
      ) : (
        <Waiting problem={found.problem} />
      )}
    </Panel>
  );
}

function textOf({ value, limit, unit }: LimitGauge): string {
  const places = unit === "%" ? 2 : 0;
  return `${decimal(value, places)} of ${decimal(limit, places)}${unit && ` ${unit}`}`;
}
