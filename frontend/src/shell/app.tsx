import type { ComponentType, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { isLost, isStale } from "../live/state.ts";
import { listen } from "../live/socket.ts";
import { followStatus, status } from "../live/status.ts";
import { isReady, take } from "../live/store.ts";
import { Alerts } from "../pages/alerts.tsx";
import { Chart } from "../pages/chart.tsx";
import { Decisions } from "../pages/decisions.tsx";
import { Logs } from "../pages/logs.tsx";
import { Overview } from "../pages/overview.tsx";
import { Positions } from "../pages/positions.tsx";
import { Safety } from "../pages/safety.tsx";
import { Settings } from "../pages/settings.tsx";
import { Trades } from "../pages/trades.tsx";
import { href, route } from "../router.ts";
import { session, sessionProblem } from "../session.ts";
import { PageHead } from "../ui/page.tsx";
import { Toasts } from "../ui/toast.tsx";
import { Banners } from "./banners.tsx";
import { Login } from "./login.tsx";
import { Nav } from "./nav.tsx";
import { Top } from "./top.tsx";

const PAGES: Record<string, ComponentType | undefined> = {
  overview: Overview,
  chart: Chart,
  positions: Positions,
  decisions: Decisions,
  trades: Trades,
  safety: Safety,
  alerts: Alerts,
  logs: Logs,
  settings: Settings,
};

export function App(): JSX.Element | null {
  if (session.value === undefined) return sessionProblem.value ? <Unanswered why={sessionProblem.value} /> : null;
  if (session.value === null) return <Login />;
  return <Shell />;
}

function Unanswered({ why }: { why: Error }): JSX.Element {
  return (
    <main class="login">
      <p class="notice notice--bad" role="alert">
        {why.message} Trying again …
      </p>
    </main>
  );
}

function Shell(): JSX.Element {
  useEffect(() => {
    const ends = [listen(take), followStatus()];
    return () => ends.forEach((end) => end());
  }, []);
  const Page = PAGES[route.value.page] ?? NoSuchPage;
  return (
    <div
      class={["shell", isStale.value && "is-stale", isLost.value && "is-lost"].filter(Boolean).join(" ")}
      data-testid="shell"
      data-ready={isReady.value && status.value !== undefined ? "true" : undefined}
    >
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          // The address after # names the page: only the focus goes there.
          event.preventDefault();
          document.querySelector<HTMLElement>("#content h1")?.focus();
        }}
      >
        Skip to the content
      </a>
      <Top />
      <Banners />
      <Nav />
      <main id="content" class="page" data-page={route.value.page}>
        <Page key={route.value.page} />
      </main>
      <Toasts />
    </div>
  );
}

function NoSuchPage(): JSX.Element {
  return (
    <>
      <PageHead title="No such page" />
      <p>
        There is no page of this name. <a href={href("overview")}>To the overview</a>
      </p>
    </>
  );
}
