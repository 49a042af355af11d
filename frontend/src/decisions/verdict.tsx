import type { JSX } from "preact";
import type { Decision } from "../api/types.ts";
import { sentence } from "../format.ts";
import { Tag } from "../ui/values.tsx";

/** What was decided; of a run, how often. */
export function Verdict({ decision }: { decision: Decision }): JSX.Element {
  const times = decision.count > 1 && ` × ${decision.count}`;
  if (decision.verdict === "hold") return <span class="muted">Hold{times}</span>;
  const tone = decision.veto === "" ? "info" : decision.is_idle ? "plain" : "warn";
  return (
    <>
      <Tag tone={tone}>{sentence(decision.verdict)}</Tag>
      <span class="muted">{times}</span>
    </>
  );
}
