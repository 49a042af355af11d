import type { JSX } from "preact";
import type { KillSwitch } from "../api/types.ts";
import { Lamp, Time } from "../ui/values.tsx";

/** The two steps of a set kill switch: durable, and nothing on its way any more. Read aloud as they come. */
export function KillSteps({ state }: { state: KillSwitch }): JSX.Element {
  return (
    <div role="status" data-testid="kill-steps">
      <ol class="steps">
      <li>
        <Lamp tone="bad">Latched</Lamp>
        <p class="muted">
          Nothing is opened from here on
          {state.triggered_at && (
            <>
              , since <Time at={state.triggered_at} as="full" /> UTC
            </>
          )}
          . By {state.triggered_by ?? "nobody known"}
          {state.reason && `: ${state.reason}`}
        </p>
      </li>
      <li>
        {state.effective ? <Lamp tone="bad">Effective</Lamp> : <Lamp tone="plain">Effective: not yet</Lamp>}
        <p class="muted">
          {state.effective ? (
            <>
              No opening order is on its way any more
              {state.effective_at && (
                <>
                  , since <Time at={state.effective_at} as="full" /> UTC
                </>
              )}
              .
            </>
          ) : (
            <>
              Waiting for the bot to confirm that nothing is on its way
              {state.waits_for.length > 0 && ` (${state.waits_for.length} opening orders may be)`}.
            </>
          )}
        </p>
      </li>
      </ol>
    </div>
  );
}
