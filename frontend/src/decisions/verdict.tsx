import type { JSX } from "preact";
import type { Decision } from "../api/types.ts";
import { sentence } from "../format.ts";
import { Tag } from "../ui/values.tsx";
import { isRoutine } from "./vetoes.ts";

/** What was decided; of a run of HOLD, how often. */
export function Verdict({ decision }: { decision: Decision }): JSX.Element {
  if (decision.verdict === "hold") {
    return <span class="muted">Hold{decision.count > 1 && ` × ${decision.count}`}</span>;
  }
  const tone = decision.veto === "" ? "info" : isRoutine(decision.veto) ? "plain" : "warn";
  return <Tag tone={tone}>{sentence(decision.verdict)}</Tag>;
}
