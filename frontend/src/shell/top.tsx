/** The line at the top of every page: alive or not, real money or not, what it is worth, and the switch that stops it. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { botState, isKilled } from "../live/state.ts";
import { connection } from "../live/socket.ts";
import { status } from "../live/status.ts";
import { heardAt } from "../live/store.ts";
import { href } from "../router.ts";
import { KillDialog } from "../safety/kill.tsx";
import { Lamp, Money, Percent, Profit, Time } from "../ui/values.tsx";
import { LogOut, ThemeSwitch } from "./preferences.tsx";

const isKilling = signal(false);

export function Top(): JSX.Element {
  const state = botState.value;
  return (
    <header class="top">
      <div class="top__state">
        <span data-testid="bot-state">
          <Lamp tone={state.tone}>{state.word}</Lamp>
        </span>
        <Mode />
        <Connection />
      </div>
      <Figures />
      <div class="top__actions">
        <span class="wide-only">
          <ThemeSwitch />
          <LogOut />
        </span>
        <Kill />
      </div>
      {isKilling.value && <KillDialog onClose={() => (isKilling.value = false)} />}
    </header>
  );
}

function Kill(): JSX.Element {
  if (isKilled.value) {
    return (
      <a class="button button--danger" href={href("safety")} data-testid="killed">
        Kill switch set
      </a>
    );
  }
  return (
    <button type="button" class="button button--warns" data-testid="kill" onClick={() => (isKilling.value = true)}>
      Kill switch
    </button>
  );
}

function Mode(): JSX.Element | null {
  const found = status.value;
  if (!found) return null;
  if (found.real_money) return <span class="tag tag--strong">REAL MONEY</span>;
  return <span class="tag">{found.mode.toUpperCase()}</span>;
}

function Connection(): JSX.Element {
  const { state } = connection.value;
  return (
    <span class="small muted wide-only" data-testid="connection" data-state={state}>
      {state === "live" && heardAt.value ? (
        <>
          live&nbsp;
          <Time at={heardAt.value} as="clock" />
        </>
      ) : (
        state
      )}
    </span>
  );
}

function Figures(): JSX.Element {
  const money = status.value?.money;
  return (
    <dl class="top__figures" data-testid="figures">
      <div class="top__figure">
        <dt>Equity</dt>
        <dd data-testid="equity">
          <Money value={money?.equity} /> <span class="muted small">{money?.quote}</span>
        </dd>
      </div>
      <div class="top__figure">
        <dt>Today</dt>
        <dd>
          <Profit value={money?.profit_today} />{" "}
          <span class="small">
            <Percent value={money?.profit_today_pct} />
          </span>
        </dd>
      </div>
      <div class="top__figure wide-only">
        <dt>Open risk</dt>
        <dd>
          <Money value={money?.open_risk} />
        </dd>
      </div>
      <div class="top__figure wide-only">
        <dt>Positions</dt>
        <dd>
          {status.value?.positions ?? "–"}
          {status.value?.max_positions ? <span class="muted"> of {status.value.max_positions}</span> : null}
        </dd>
      </div>
    </dl>
  );
}
