/** Whether all is well: what fails, since when and what to do about it; the rest in a word each. */

import type { JSX } from "preact";
import { useResource } from "../api/resource.ts";
import type { Health, HealthCheck } from "../api/types.ts";
import { sentence } from "../format.ts";
import { news } from "../live/store.ts";
import { Coded } from "../ui/coded.tsx";
import { Panel, Waiting } from "../ui/page.tsx";
import { Lamp, Time } from "../ui/values.tsx";
import type { Tone } from "../ui/values.tsx";

const EVERY_MS = 2_000;
const TONES: Record<string, Tone | undefined> = { healthy: "good", degraded: "warn", critical: "bad" };

export function HealthPanel(): JSX.Element {
  const found = useResource<Health>("/health/status", {}, news.anything, EVERY_MS);
  const checks = found.data?.details.checks ?? [];
  const failing = checks.filter(({ state }) => state === "critical" || state === "degraded");
  const others = checks.filter((check) => !failing.includes(check));
  const level = found.data?.level;
  return (
    <Panel
      title="Health"
      testId="health"
      tools={level && <Lamp tone={TONES[level] ?? "plain"}>{sentence(level)}</Lamp>}
    >
      {!found.data && <Waiting problem={found.problem} />}
      {failing.length > 0 && (
        <ul class="checks">
          {failing.map((check) => (
            <Failing key={check.name} check={check} />
          ))}
        </ul>
      )}
      <ul class="lamps">
        {others.map((check) => (
          <li key={check.name} title={check.detail}>
            <Lamp tone={TONES[check.state] ?? "plain"}>{sentence(check.name)}</Lamp>
            {check.state === "unknown" && <span class="hidden"> (not known)</span>}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Failing({ check }: { check: HealthCheck }): JSX.Element {
  return (
    <li>
      <Lamp tone={TONES[check.state] ?? "plain"}>{sentence(check.name)}</Lamp>
      <p>
        {check.detail}
        {check.since && (
          <span class="muted">
            {" "}
            · since <Time at={check.since} as="full" /> UTC
          </span>
        )}
      </p>
      {check.action && (
        <p class="muted small">
          <Coded text={sentence(check.action)} />
        </p>
      )}
    </li>
  );
}
