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
  { label: "In force", isBare: true, cell: (setting) => <span class="mono">{setting.value}</span> },
  {
    label: "From",
    isBare: true,
    cell: (setting) =>
      setting.source === "default" ? <span class="muted">default</span> : <Tag tone="info">{setting.source}</Tag>,
  },
  {
    label: "Meaning",
    isText: true,
    isBare: true,
    cell: (setting) => (
      <>
        {setting.meaning} <span class="muted small settings__allowed">{setting.allowed}</span>
      </>
    ),
  },
];

/** As narrow as a phone, where the groups are closed until one is wanted. */
const NARROW = matchMedia("(max-width: 48rem)");

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
        {found.data ? (
          <Lists found={found.data} fits={fits} isOpen={!NARROW.matches || word !== "" || isGivenOnly} />
        ) : (
          <Waiting problem={found.problem} />
        )}
      </div>
    </>
  );
}

interface ListsProps {
  found: Found;
  fits: (setting: Setting) => boolean;
  isOpen: boolean;
}

function Lists({ found, fits, isOpen }: ListsProps): JSX.Element {
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
        <Groups of="the bot" settings={found.bot.filter(fits)} isOpen={isOpen} />
      </Panel>
      <Panel title="This dashboard">
        <Groups of="the dashboard" settings={found.dashboard.filter(fits)} isOpen={isOpen} />
      </Panel>
      <p class="small muted">
        Settings change in the environment or in <code>.env</code>, and with the next start; <code>tradebot check-config</code>{" "}
        tells beforehand what is wrong with them.
      </p>
    </>
  );
}

/** What the settings are about, each topic to be opened and closed. */
function Groups({ of, settings, isOpen }: { of: string; settings: readonly Setting[]; isOpen: boolean }): JSX.Element {
  const topics = new Map<string, Setting[]>();
  for (const setting of settings) {
    const known = topics.get(setting.group);
    if (known) known.push(setting);
    else topics.set(setting.group, [setting]);
  }
  if (topics.size === 0) return <p class="empty">No setting fits.</p>;
  return (
    <div class="settings" data-testid={`settings of ${of}`}>
      {[...topics].map(([topic, found]) => (
        <details key={`${topic} ${isOpen}`} class="details" open={isOpen}>
          <summary>
            <h3>{topic || "All"}</h3> <span class="muted">{countOf(found)}</span>
          </summary>
          <Table
            caption={`Settings of ${of}: ${topic || "all"}`}
            isDense
            columns={COLUMNS}
            rows={found}
            keyOf={(setting) => setting.name}
            empty=""
          />
        </details>
      ))}
    </div>
  );
}

function countOf(settings: readonly Setting[]): string {
  const given = settings.filter(({ source }) => source !== "default").length;
  return given > 0 ? `${settings.length}, ${given} set` : `${settings.length}`;
}
