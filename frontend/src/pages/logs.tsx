/** The bot's log: its newest lines, followed as they come. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useResource } from "../api/resource.ts";
import type { LogLine, LogPage } from "../api/types.ts";
import { moment } from "../format.ts";
import { refine, route } from "../router.ts";
import { Choice } from "../ui/filters.tsx";
import { Failure, PageHead, Panel, Waiting } from "../ui/page.tsx";

const LINES = 300;
const EVERY_MS = 1_500;

export function Logs(): JSX.Element {
  const { level, search } = route.value.query;
  const [isFollowing, setFollowing] = useState(true);
  const found = useResource<LogPage>("/logs", { level: level ?? "info", search, limit: LINES });
  useEffect(() => {
    if (!isFollowing) return undefined;
    const timer = setInterval(found.reload, EVERY_MS);
    return () => clearInterval(timer);
  }, [isFollowing]);
  return (
    <>
      <PageHead title="Logs" />
      <div class="stack">
        <div class="filters">
          <Choice label="At least" name="level" fallback="info" options={LEVELS} />
          <label class="field">
            <span class="field__label">With the text</span>
            <input
              type="search"
              maxLength={100}
              value={search ?? ""}
              onChange={(event) => refine({ search: event.currentTarget.value })}
            />
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={isFollowing}
              onChange={(event) => setFollowing(event.currentTarget.checked)}
            />
            follow
          </label>
        </div>
        <Panel title="The bot’s log, newest last" tools={<span class="small muted mono">{found.data?.file}</span>}>
          {found.problem && found.data && <Failure problem={found.problem} />}
          {found.data ? <Lines lines={found.data.items} isFollowing={isFollowing} /> : <Waiting problem={found.problem} />}
        </Panel>
      </div>
    </>
  );
}

const LEVELS = [
  ["debug", "Debug"],
  ["info", "Info"],
  ["warning", "Warning"],
  ["error", "Error"],
  ["critical", "Critical"],
] as const;

function Lines({ lines, isFollowing }: { lines: readonly LogLine[]; isFollowing: boolean }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isFollowing && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, isFollowing]);
  if (lines.length === 0) return <p class="empty">No line fits.</p>;
  return (
    <div ref={box} class="log" tabIndex={0} role="region" aria-label="Lines of the log">
      <ol>
        {lines.map((line, at) => (
          <li key={`${line.time} ${at}`} class="log__line">
            <time class="muted" dateTime={line.time}>
              {moment(line.time)}
            </time>
            <span class={`log__level log__level--${line.level}`}>{line.level}</span>
            <span class="log__text">
              <strong>{line.event}</strong> {Object.entries(line.fields).map(fieldOf).join(" ")}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function fieldOf([name, value]: [string, unknown]): string {
  return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
}
