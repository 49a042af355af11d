/** What the owner was told, whether it arrived, and whether the channels work. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { post } from "../api/client.ts";
import { useResource } from "../api/resource.ts";
import type { Alert, AlertChannel, AlertTrial, ListedAlert, Page } from "../api/types.ts";
import { news } from "../live/store.ts";
import { refine, route } from "../router.ts";
import { Coded } from "../ui/coded.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Choice, dayAfter, DateField, SymbolChoice } from "../ui/filters.tsx";
import { Failure, PageHead, Panel, Waiting } from "../ui/page.tsx";
import { Pager } from "../ui/pager.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { toast } from "../ui/toast.tsx";
import { Lamp, Tag, Time } from "../ui/values.tsx";
import type { Tone } from "../ui/values.tsx";

const LIMIT = 50;
const TONES: Record<string, Tone | undefined> = { warning: "warn", critical: "bad" };
const isTesting = signal(false);

const COLUMNS: readonly Column<ListedAlert>[] = [
  { label: "Told", isTitle: true, cell: ({ alert }) => <Time at={alert.created_at} as="full" /> },
  { label: "Level", isBare: true, cell: ({ alert }) => <Tag tone={TONES[alert.level] ?? "plain"}>{alert.level}</Tag> },
  { label: "What", isText: true, isBare: true, cell: ({ alert }) => <What alert={alert} /> },
  { label: "Channels", cell: (listed) => <Deliveries listed={listed} /> },
  {
    label: "Seen",
    cell: ({ alert }) => (alert.acknowledged_at ? <Time at={alert.acknowledged_at} /> : <span class="muted nowrap">not yet</span>),
  },
];

export function Alerts(): JSX.Element {
  const { symbol, level, acknowledged, since, until, offset } = route.value.query;
  const chosen = { symbol, level, acknowledged, since, until: dayAfter(until), limit: LIMIT, offset };
  const found = useResource<Page<ListedAlert>>("/alerts", chosen, news.alert);
  const newest = found.data?.items.find(({ alert }) => !alert.acknowledged_at)?.alert.seq;
  return (
    <>
      <PageHead title="Alerts">
        <button
          type="button"
          class="button"
          disabled={newest === undefined}
          onClick={() => newest !== undefined && void acknowledge(newest)}
        >
          Mark as seen
        </button>
        <button type="button" class="button" onClick={() => (isTesting.value = true)}>
          Send a test …
        </button>
      </PageHead>
      <div class="stack">
        <Channels />
        <div class="filters">
          <SymbolChoice />
          <Choice label="Level" name="level" options={LEVELS} />
          <Choice label="Seen" name="acknowledged" options={SEEN} />
          <DateField label="From (UTC)" name="since" />
          <DateField label="Until (UTC)" name="until" />
        </div>
        <Panel title="Alerts, newest first">
          {found.problem && found.data && <Failure problem={found.problem} />}
          {found.data ? (
            <>
              <Table
                caption="Alerts"
                isDense
                columns={COLUMNS}
                rows={found.data.items}
                keyOf={({ alert }) => String(alert.seq)}
                empty="There is no such alert."
              />
              <Pager
                offset={found.data.offset}
                limit={LIMIT}
                count={found.data.items.length}
                nextOffset={found.data.next_offset}
              />
            </>
          ) : (
            <Waiting problem={found.problem} />
          )}
        </Panel>
      </div>
      {isTesting.value && <SendTest onClose={() => (isTesting.value = false)} />}
    </>
  );
}

const LEVELS = [
  ["", "All"],
  ["info", "Info"],
  ["warning", "Warning"],
  ["critical", "Critical"],
] as const;

const SEEN = [
  ["", "All"],
  ["false", "Not yet"],
  ["true", "Seen"],
] as const;

async function acknowledge(upTo: number): Promise<void> {
  try {
    await post("/alerts/acknowledge", { up_to_seq: upTo });
    refine({});
  } catch (error) {
    toast("bad", `Not marked: ${(error as Error).message}`);
  }
}

/** What is told, and what to do about it. */
function What({ alert }: { alert: Alert }): JSX.Element {
  return (
    <>
      <strong title={alert.code}>{alert.headline}</strong> · {alert.text}
      {alert.advice && (
        <span class="small muted alert__advice">
          <Coded text={alert.advice} />
        </span>
      )}
    </>
  );
}

/** Where an alert went: sent, or on its way. */
function Deliveries({ listed }: { listed: ListedAlert }): JSX.Element {
  if (listed.deliveries.length === 0) return <span class="muted">none</span>;
  return (
    <>
      {listed.deliveries.map(({ channel, sent_at: sentAt, due_at: dueAt }) => (
        <span key={channel} class="delivery">
          <Tag tone={sentAt ? "good" : "warn"}>{sentAt ? `${channel} ✓` : `${channel} …`}</Tag>
          <span class="hidden">{sentAt ? "sent" : `due ${dueAt}`}</span>
        </span>
      ))}
    </>
  );
}

const CHANNELS: readonly Column<AlertChannel>[] = [
  { label: "Channel", isTitle: true, cell: (channel) => channel.name },
  {
    label: "State",
    cell: (channel) =>
      channel.failures > 0 ? <Lamp tone="bad">{`failing (${channel.failures})`}</Lamp> : <Lamp tone="good">well</Lamp>,
  },
  { label: "Waiting", isNumber: true, cell: (channel) => channel.waiting },
  { label: "Last sent", isWide: true, cell: (channel) => <Time at={channel.last_sent_at} as="full" /> },
  { label: "Next try", isMinor: true, cell: (channel) => <Time at={channel.next_try_at} as="full" /> },
  { label: "Fault", isText: true, cell: (channel) => channel.error },
];

function Channels(): JSX.Element {
  const found = useResource<AlertChannel[]>("/alerts/channels", {}, news.anything, 5_000);
  return (
    <Panel title="Channels">
      {found.data ? (
        <Table
          caption="Channels"
          columns={CHANNELS}
          rows={found.data}
          keyOf={(channel) => channel.name}
          empty="No alert has left this machine: without a channel in the settings, alerts are only listed here."
        />
      ) : (
        <Waiting problem={found.problem} />
      )}
    </Panel>
  );
}

/** A test through every channel; what each made of it is told in a message of its own. */
function SendTest({ onClose }: { onClose: () => void }): JSX.Element {
  async function send(): Promise<void> {
    const trials = await post<AlertTrial[]>("/alerts/test", {}, undefined, TRIAL_MS);
    if (trials.length === 0) toast("warn", "No channel is set up, so nothing was sent.");
    for (const trial of trials) {
      if (trial.arrived) toast("good", `${trial.channel}: the test has arrived (${trial.took_s.toFixed(1)} s).`);
      else toast("bad", `${trial.channel}: ${trial.error}`);
    }
  }
  return (
    <Confirm title="Send a test alert?" action="Send" run={send} onClose={onClose}>
      <p>Through every channel of the dashboard’s settings. It takes up to half a minute where one does not answer.</p>
    </Confirm>
  );
}

const TRIAL_MS = 40_000;
