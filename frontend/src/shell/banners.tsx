/** What must be known on every page before anything on it is believed. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { connection, retryNow } from "../live/socket.ts";
import { status, statusProblem } from "../live/status.ts";
import { Coded } from "../ui/coded.tsx";
import { Time } from "../ui/values.tsx";

export function Banners(): JSX.Element {
  const found = status.value;
  return (
    <div class="notes">
      <div role="alert">
        <Lost />
        <NoStatus />
        {found && <NotRunning state={found.bot.state} heartbeatAt={found.bot.heartbeat_at} waitingFor={found.waiting_for} />}
      </div>
      {found?.is_demo && (
        <p class="banner banner--plain" data-testid="demo-banner">
          {found.market ?? "Demo market: made-up prices, not real"}
        </p>
      )}
    </div>
  );
}

function Lost(): JSX.Element | null {
  const found = connection.value;
  const now = useNow(found.state === "lost");
  if (found.state !== "lost") return null;
  const wait = Math.ceil((found.retryAtMs - now) / 1000);
  return (
    <div class="banner banner--bad" data-testid="connection-lost">
      <span>
        Connection to the dashboard lost at <Time at={found.sinceMs} as="clock" /> UTC. What is shown is how things stood
        then.
      </span>
      <span aria-live="off">{wait > 0 ? `Next try in ${wait} s.` : "Trying …"}</span>
      <button type="button" class="button button--small" onClick={retryNow}>
        Try now
      </button>
    </div>
  );
}

function NoStatus(): JSX.Element | null {
  const problem = statusProblem.value;
  if (!problem || connection.value.state === "lost" || problem.status === 0) return null;
  return (
    <div class="banner banner--bad" data-testid="no-status">
      {problem.code === "NO_DATABASE_YET" ? "No bot has run here yet: there is no database." : problem.message}
    </div>
  );
}

interface NotRunningProps {
  state: string;
  heartbeatAt: string | null;
  waitingFor: string;
}

function NotRunning({ state, heartbeatAt, waitingFor }: NotRunningProps): JSX.Element | null {
  if (state === "running") return null;
  if (state === "never_started") return <Banner text="No bot has run here yet" waitingFor={waitingFor} />;
  const text = state === "stopped" ? "The bot is not running." : "The bot does not respond.";
  return (
    <Banner text={text} waitingFor={waitingFor}>
      {heartbeatAt && (
        <>
          What is shown is from <Time at={heartbeatAt} as="full" /> UTC.
        </>
      )}
    </Banner>
  );
}

function Banner(props: { text: string; waitingFor: string; children?: JSX.Element | string | null | "" }): JSX.Element {
  return (
    <div class="banner banner--bad" data-testid="not-running">
      <strong>{props.text}</strong>
      <span>{props.children}</span>
      <span>
        It waits for <Coded text={props.waitingFor} />.
      </span>
    </div>
  );
}

/** This browser's clock, looked at every second while `isNeeded`. */
function useNow(isNeeded: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!isNeeded) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [isNeeded]);
  return now;
}
