/** What lets the bot open positions again, or keeps it from it for a while. Each asks for a reason, which is kept. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { post } from "../api/client.ts";
import { Wish } from "../api/commands.ts";
import { Confirm } from "../ui/confirm.tsx";
import { toast } from "../ui/toast.tsx";

interface Props {
  onClose: () => void;
}

export function ResetKill({ onClose }: Props): JSX.Element {
  async function reset(reason: string): Promise<void> {
    await post("/safety/kill-switch/reset", { reason });
    toast("good", "The kill switch is reset.");
  }
  return (
    <Confirm title="Reset the kill switch?" action="Reset" asksReason typed="RESET" run={reset} onClose={onClose}>
      <p>The bot may open positions again at once, if neither paused nor halted.</p>
    </Confirm>
  );
}

export function Pause({ onClose }: Props): JSX.Element {
  const [wish] = useState(() => new Wish("/bot/pause", "Pause entries"));
  return (
    <Confirm title="Pause entries?" action="Pause" asksReason run={(reason) => wish.send({ reason })} onClose={onClose}>
      <p>The bot opens nothing until somebody resumes. It goes on to protect and to close what it holds.</p>
    </Confirm>
  );
}

export function ResetBreaker({ onClose }: Props): JSX.Element {
  const [wish] = useState(() => new Wish("/bot/resume", "Resume entries"));
  return (
    <Confirm title="Resume entries?" action="Resume" asksReason run={(reason) => wish.send({ reason })} onClose={onClose}>
      <p>
        Clears pause and halt. After a halt, drawdowns and streaks are counted anew from here. The kill switch is not touched.
      </p>
    </Confirm>
  );
}

const POLICIES = {
  flatten: "Sell everything that is held",
  keep: "Keep it, each position with its stop at the exchange",
};

export function StopBot({ onClose }: Props): JSX.Element {
  const [wish] = useState(() => new Wish("/bot/stop", "Stop the bot"));
  const [policy, setPolicy] = useState<keyof typeof POLICIES>("keep");
  return (
    <Confirm
      title="Stop the bot?"
      action="Stop the bot"
      isDanger
      typed="STOP"
      run={() => wish.send({ policy })}
      onClose={onClose}
    >
      <p>Its process ends in order. It does not start again from here, unless something on its machine restarts it.</p>
      <fieldset class="choices">
        <legend>What becomes of positions</legend>
        {Object.entries(POLICIES).map(([value, text]) => (
          <label key={value} class="check">
            <input
              type="radio"
              name="policy"
              checked={policy === value}
              onChange={() => setPolicy(value as keyof typeof POLICIES)}
            />
            {text}
          </label>
        ))}
      </fieldset>
    </Confirm>
  );
}
