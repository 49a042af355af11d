/** What stops the bot from opening positions, how near it is to being stopped, and the switches for it. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { ResetBreaker, Pause, ResetKill, StopBot } from "../actions/switches.tsx";
import { useResource } from "../api/resource.ts";
import type { Command, KillSwitch, ListedAlert, Page, Trip } from "../api/types.ts";
import { sentence, words } from "../format.ts";
import { status } from "../live/status.ts";
import { news } from "../live/store.ts";
import { route } from "../router.ts";
import { useEveryWhile } from "../safety/every.ts";
import { KillDialog } from "../safety/kill.tsx";
import { Limits } from "../safety/limits.tsx";
import { KillSteps } from "../safety/steps.tsx";
import { Coded } from "../ui/coded.tsx";
import { PageHead, Panel, Waiting } from "../ui/page.tsx";
import { Pager } from "../ui/pager.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { Lamp, Tag, Time } from "../ui/values.tsx";
import type { Tone } from "../ui/values.tsx";

type Open = "kill" | "reset-kill" | "reset-breaker" | "pause" | "stop";
const open = signal<Open | undefined>(undefined);
const close = (): void => {
  open.value = undefined;
};

const DIALOGS: Record<Open, (props: { onClose: () => void }) => JSX.Element> = {
  kill: KillDialog,
  "reset-kill": ResetKill,
  "reset-breaker": ResetBreaker,
  pause: Pause,
  stop: StopBot,
};

export function Safety(): JSX.Element {
  const Opened = open.value && DIALOGS[open.value];
  return (
    <>
      <PageHead title="Safety" />
      <div class="stack">
        <div class="halves">
          <KillPanel />
          <EntriesPanel />
        </div>
        <Limits />
        <div class="halves">
          <History />
          <Commands />
        </div>
        <Trips />
      </div>
      {Opened && <Opened onClose={close} />}
    </>
  );
}

function KillPanel(): JSX.Element {
  const found = useResource<KillSwitch>("/safety/kill-switch/status", {}, news.safety, 0);
  const state = found.data;
  useEveryWhile(found.reload, state !== undefined && state.active && !state.effective);
  return (
    <Panel title="Kill switch" testId="kill-switch">
      {!state && <Waiting problem={found.problem} />}
      {state && !state.active && (
        <>
          <Lamp tone="good">Not set</Lamp>
          <p class="muted panel__text">
            Setting it stops every opening order at once and survives restarts; it works while the bot is down too.
            {state.reset_at && (
              <>
                {" "}
                Last reset <Time at={state.reset_at} as="full" /> UTC by {state.reset_by}: {state.reset_reason}
              </>
            )}
          </p>
        </>
      )}
      {state?.active && <KillSteps state={state} />}
      {state?.by_file && (
        <p class="notice notice--warn panel__text">A file KILL in the data folder sets it. Remove the file to reset it.</p>
      )}
      <div class="form__actions">
        {state?.active ? (
          <button type="button" class="button" onClick={() => (open.value = "reset-kill")}>
            Reset …
          </button>
        ) : (
          <button type="button" class="button button--danger" onClick={() => (open.value = "kill")}>
            Set the kill switch …
          </button>
        )}
      </div>
    </Panel>
  );
}

/** Circuit breaker and an operator's pause: both stop entries, and the same reset ends both. */
function EntriesPanel(): JSX.Element {
  const stoppedBy = status.value?.entries_stopped_by ?? [];
  const halted = stoppedBy.find((reason) => reason.startsWith("halted"));
  const paused = stoppedBy.find((reason) => reason.startsWith("paused"));
  return (
    <Panel title="Circuit breaker" testId="breaker">
      {halted ? (
        <Lamp tone="bad">Halted</Lamp>
      ) : paused ? (
        <Lamp tone="warn">Paused</Lamp>
      ) : (
        <Lamp tone="good">Closed</Lamp>
      )}
      {[halted, paused].map((reason) => reason && <p class="panel__text">{sentence(reason)}</p>)}
      <p class="muted panel__text">
        A pause for lost answers or old data ends by itself; a halt for losses waits for a person. Exits and stops go out in
        every state.
      </p>
      <div class="form__actions">
        <button type="button" class="button button--warns" onClick={() => (open.value = "stop")}>
          Stop the bot …
        </button>
        {!paused && !halted && (
          <button type="button" class="button" onClick={() => (open.value = "pause")}>
            Pause entries …
          </button>
        )}
        {(paused || halted) && (
          <button type="button" class="button button--main" onClick={() => (open.value = "reset-breaker")}>
            Resume entries …
          </button>
        )}
      </div>
    </Panel>
  );
}

/** The kinds of alerts that tell what stopped entries, and what let them go on. */
const SWITCHED = [
  "KILLED",
  "KILL_RESET",
  "PAUSED",
  "RESUMED",
  "BREAKER_PAUSE",
  "PAUSE_ENDED",
  "BREAKER_HALT",
  "HALT_CLEARED",
];

const HISTORY: readonly Column<ListedAlert>[] = [
  { label: "When", isTitle: true, cell: ({ alert }) => <Time at={alert.created_at} as="full" /> },
  { label: "What", isBare: true, cell: ({ alert }) => <strong>{alert.headline}</strong> },
  { label: "Why", isText: true, isBare: true, cell: ({ alert }) => <Coded text={alert.text} /> },
];

function History(): JSX.Element {
  const found = useResource<Page<ListedAlert>>("/alerts", { code: SWITCHED, limit: 10 }, news.alert);
  return (
    <Panel title="What stopped entries, and what let them go on" testId="history">
      {found.data ? (
        <Table
          caption="Stops and releases, newest first"
          isDense
          columns={HISTORY}
          rows={found.data.items}
          keyOf={({ alert }) => String(alert.seq)}
          empty="Nothing has stopped entries yet."
        />
      ) : (
        <Waiting problem={found.problem} />
      )}
    </Panel>
  );
}

const LEVELS: Record<string, Tone | undefined> = { warn: "warn", pause: "warn", halt: "bad" };

const TRIPS: readonly Column<Trip>[] = [
  { label: "Time", isTitle: true, cell: (trip) => <Time at={trip.time} as="full" /> },
  { label: "Level", cell: (trip) => <Tag tone={LEVELS[trip.level] ?? "plain"}>{trip.level}</Tag> },
  { label: "What was found", isText: true, cell: (trip) => <span title={trip.code}>{trip.text}</span> },
];

function Trips(): JSX.Element {
  const offset = route.value.query["offset"];
  const found = useResource<Page<Trip>>("/safety/circuit-breaker/trips", { limit: 10, offset }, news.safety);
  return (
    <Panel title="Trips of the circuit breaker">
      {found.data ? (
        <>
          <Table
            caption="Trips, newest first"
            columns={TRIPS}
            rows={found.data.items}
            keyOf={(trip) => trip.id}
            empty="It has never tripped."
          />
          <Pager
            offset={found.data.offset}
            limit={10}
            count={found.data.items.length}
            nextOffset={found.data.next_offset}
          />
        </>
      ) : (
        <Waiting problem={found.problem} />
      )}
    </Panel>
  );
}

const STATES: Record<string, Tone | undefined> = { waiting: "warn", taken: "info", done: "good", refused: "bad" };

const COMMANDS: readonly Column<Command>[] = [
  { label: "Asked", isTitle: true, cell: (command) => `${sentence(command.kind)} ${command.target}`.trim() },
  { label: "When", isWide: true, cell: (command) => <Time at={command.created_at} as="full" /> },
  { label: "By", cell: (command) => command.by },
  { label: "State", cell: (command) => <Tag tone={STATES[command.state] ?? "plain"}>{command.state}</Tag> },
  {
    label: "Reason and answer",
    isText: true,
    // That it was taken says its state.
    cell: ({ reason, result }) => [reason, result !== "taken" && words(result)].filter(Boolean).join(" → "),
  },
];

function Commands(): JSX.Element {
  const found = useResource<Page<Command>>("/commands", { limit: 10 }, news.anything, 2_000);
  return (
    <Panel title="What was asked of the bot">
      {found.data ? (
        <Table
          caption="Commands, newest first"
          columns={COMMANDS}
          rows={found.data.items}
          keyOf={(command) => command.id}
          empty="Nobody has asked anything of it yet."
        />
      ) : (
        <Waiting problem={found.problem} />
      )}
    </Panel>
  );
}
