/** The settings in force, and where each came from. Secrets come masked from the server. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useResource } from "../api/resource.ts";
import type { Setting, Settings as Found } from "../api/types.ts";
import { PageHead, Panel, Waiting } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { Tag, Time } from "../ui/values.tsx";

const COLUMNS: readonly Column<Setting>[] = [
  { label: "Setting", isTitle: true, cell: (setting) => <span class="mono">{setting.name}</span> },
  { label: "In force", isWide: true, cell: (setting) => <span class="mono">{setting.value}</span> },
  {
    label: "From",
    cell: (setting) =>
      setting.source === "default" ? <span class="muted">default</span> : <Tag tone="info">{setting.source}</Tag>,
  },
  { label: "Meaning", isText: true, cell: (setting) => setting.meaning },
  { label: "Allowed", isMinor: true, cell: (setting) => <span class="muted small">{setting.allowed}</span> },
];

export function Settings(): JSX.Element {
  const found = useResource<Found>("/settings");
  const [word, setWord] = useState("");
  const [isGivenOnly, setGivenOnly] = useState(false);
  const fits = (setting: Setting): boolean =>
    `${setting.name} ${setting.meaning}`.toLowerCase().includes(word.toLowerCase()) &&
    (!isGivenOnly || setting.source !== "default");
  return (
    <>
      <PageHead title="Settings in force" />
      <div class="stack">
        <div class="filters">
          <label class="field">
            <span class="field__label">Find</span>
            <input type="search" value={word} onInput={(event) => setWord(event.currentTarget.value)} />
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={isGivenOnly}
              onChange={(event) => setGivenOnly(event.currentTarget.checked)}
            />
            only what was set
          </label>
        </div>
        {found.data ? <Lists found={found.data} fits={fits} /> : <Waiting problem={found.problem} />}
      </div>
    </>
  );
}

function Lists({ found, fits }: { found: Found; fits: (setting: Setting) => boolean }): JSX.Element {
  return (
    <>
      {found.notes.map((note) => (
        <p key={note} class="notice notice--warn">
          {note}
        </p>
      ))}
      <Panel
        title="The bot"
        tools={
          <span class="small muted">
            {found.recorded_at ? (
              <>
                as at its start, <Time at={found.recorded_at} as="full" /> UTC
              </>
            ) : (
              "no bot has run here yet"
            )}
          </span>
        }
      >
        <Table
          caption="The bot's settings"
          columns={COLUMNS}
          rows={found.bot.filter(fits)}
          keyOf={(setting) => setting.name}
          empty="No setting fits."
        />
      </Panel>
      <Panel title="This dashboard">
        <Table
          caption="The dashboard's settings"
          columns={COLUMNS}
          rows={found.dashboard.filter(fits)}
          keyOf={(setting) => setting.name}
          empty="No setting fits."
        />
      </Panel>
      <p class="small muted">
        Settings change in the environment or in <code>.env</code>, and with the next start; <code>tradebot check-config</code>{" "}
        tells beforehand what is wrong with them.
      </p>
    </>
  );
}
