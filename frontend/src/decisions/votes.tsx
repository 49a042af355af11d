/** The votes of a decision, at a glance and one by one. */

import type { JSX } from "preact";
import type { Vote } from "../api/types.ts";
import { score } from "../format.ts";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";

/** What the longest bar stands for at least, so that weak votes look weak. */
const LONGEST_BAR_MIN = 0.25;

/** What a vote adds: score × confidence × weight. */
function pull(vote: Vote): number {
  return vote.score * vote.confidence * vote.weight;
}

const columns = (most: number): readonly Column<Vote>[] => [
  { label: "Analyst", isTitle: true, cell: (vote) => vote.analyst.replaceAll("_", " ") },
  { label: "Score", isNumber: true, cell: (vote) => score(vote.score) },
  { label: "Confidence", isNumber: true, cell: (vote) => `${Math.round(vote.confidence * 100)} %` },
  { label: "Weight", isNumber: true, cell: (vote) => vote.weight.toFixed(2) },
  { label: "Adds", isNumber: true, cell: (vote) => score(pull(vote)) },
  { label: "For or against", cell: (vote) => <Bar value={pull(vote)} of={most} /> },
  { label: "Reason", isText: true, cell: (vote) => vote.reason },
];

export function Votes({ votes }: { votes: readonly Vote[] }): JSX.Element {
  const sorted = [...votes].sort((a, b) => Math.abs(pull(b)) - Math.abs(pull(a)));
  const most = Math.max(LONGEST_BAR_MIN, ...sorted.map((vote) => Math.abs(pull(vote))));
  return (
    <Table
      caption="Votes, the weightiest first"
      columns={columns(most)}
      rows={sorted}
      keyOf={(vote) => vote.analyst}
      empty="No analyst voted."
    />
  );
}

/** How many were for it, against it, or had nothing to say. */
export function VoteBar({ votes }: { votes: readonly Vote[] }): JSX.Element {
  const up = votes.filter((vote) => pull(vote) > 0).length;
  const down = votes.filter((vote) => pull(vote) < 0).length;
  return (
    <span class="nowrap numeric" title={`${up} for, ${down} against, ${votes.length - up - down} neither`}>
      ▲ {up} <span class="muted">▼ {down}</span>
      <span class="hidden"> (for and against)</span>
    </span>
  );
}

/** From the middle to the right what is for, to the left what is against. */
function Bar({ value, of }: { value: number; of: number }): JSX.Element {
  const width = Math.min(1, Math.abs(value) / of) * 50;
  return (
    <svg class="vote" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect class="vote__track" width="100" height="8" />
      <rect class={value < 0 ? "vote__against" : "vote__for"} x={value < 0 ? 50 - width : 50} width={width} height="8" />
      <rect class="vote__middle" x="49.5" width="1" height="8" />
    </svg>
  );
}
