/** The kill switch: asked for with a typed word, then shown from `latched` to `effective`. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiProblem, post } from "../api/client.ts";
import { useResource } from "../api/resource.ts";
import type { KillSwitch } from "../api/types.ts";
import { news } from "../live/store.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { KillSteps } from "./steps.tsx";
import { useEveryWhile } from "./every.ts";

export const TYPED = "KILL";

export function KillDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const [isSet, setSet] = useState(false);
  const [flatten, setFlatten] = useState(false);
  if (isSet) return <Progress onClose={onClose} />;

  async function trigger(reason: string): Promise<void> {
    try {
      await post<KillSwitch>("/safety/kill-switch/trigger", { reason, flatten });
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 0) throw error;
      throw new ApiProblem(0, error.code, `${error.message} Without it: run \`tradebot kill\`, or put a file KILL into DATA_DIR.`);
    }
    setSet(true);
  }

  return (
    <Confirm
      title="Set the kill switch?"
      action="Set the kill switch"
      isDanger
      typed={TYPED}
      asksReason
      reasonHint="why, for the record"
      staysOpen
      run={trigger}
      onClose={onClose}
    >
      <p>
        The bot opens nothing any more and cancels its entry orders, now and after every restart, until somebody resets the
        switch. Positions keep their stops.
      </p>
      <label class="check">
        <input type="checkbox" checked={flatten} onChange={(event) => setFlatten(event.currentTarget.checked)} />
        also sell everything that is held, at market
      </label>
    </Confirm>
  );
}

function Progress({ onClose }: { onClose: () => void }): JSX.Element {
  const found = useResource<KillSwitch>("/safety/kill-switch/status", {}, news.safety, 0);
  useEveryWhile(found.reload, !found.data?.effective);
  return (
    <Dialog title="The kill switch is set" isDanger onClose={onClose}>
      {found.data && <KillSteps state={found.data} />}
      <div class="form__actions">
        <button type="button" class="button button--main" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
