/** What the owner was told, the newest first, as it comes. */

import type { JSX } from "preact";
import type { Alert } from "../api/types.ts";
import { alerts, isReady } from "../live/store.ts";
import { route } from "../router.ts";
import { Choice } from "../ui/filters.tsx";
import { PageHead, Panel, Waiting } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { Tag, Time } from "../ui/values.tsx";
import type { Tone } from "../ui/values.tsx";

const LEVELS = ["info", "warning", "critical"];
const TONES: Record<string, Tone | undefined> = { warning: "warn", critical: "bad" };

const COLUMNS: readonly Column<Alert>[] = [
  { label: "Told", isTitle: true, cell: (alert) => <Time at={alert.created_at} as="full" /> },
  { label: "Level", cell: (alert) => <Tag tone={TONES[alert.level] ?? "plain"}>{alert.level}</Tag> },
  { label: "Code", cell: (alert) => alert.code },
  { label: "Symbol", cell: (alert) => alert.symbol || <span class="muted">–</span> },
  { label: "What", isText: true, cell: (alert) => alert.text },
  { label: "Market time", isMinor: true, cell: (alert) => <Time at={alert.time} as="full" /> },
];

export function Alerts(): JSX.Element {
  const least = LEVELS.indexOf(route.value.query["level"] ?? "info");
  const rows = [...alerts.value].reverse().filter((alert) => LEVELS.indexOf(alert.level) >= least);
  return (
    <>
      <PageHead title="Alerts" />
      <div class="stack">
        <div class="filters">
          <Choice
            label="At least"
            name="level"
            fallback="info"
            options={[
              ["info", "Info"],
              ["warning", "Warning"],
              ["critical", "Critical"],
            ]}
          />
        </div>
        <Panel title="The last alerts, newest first">
          {isReady.value ? (
            <Table
              caption="Alerts"
              columns={COLUMNS}
              rows={rows}
              keyOf={(alert) => String(alert.seq)}
              empty="There is no such alert."
            />
          ) : (
            <Waiting problem={undefined} />
          )}
        </Panel>
      </div>
    </>
  );
}
