/** Asks before something is done that cannot be undone, and shows why it failed if it does. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiProblem } from "../api/client.ts";
import { Dialog } from "./dialog.tsx";

interface Props {
  title: string;
  /** What the button says. */
  action: string;
  isDanger?: boolean;
  /** What has to be typed before the button works. */
  typed?: string;
  /** Whether a reason is asked for, which is then given to `run`; it may not be empty. */
  asksReason?: boolean;
  reasonHint?: string;
  /** Whether what comes after `run` is shown in the dialog's place, so that it must not close itself. */
  staysOpen?: boolean;
  run: (reason: string) => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

export function Confirm(props: Props): JSX.Element {
  const { title, action, isDanger = false, typed, asksReason = false, reasonHint = "", children } = props;
  const { staysOpen = false, run, onClose } = props;
  const [text, setText] = useState("");
  const [reason, setReason] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState("");
  const isReady = (typed === undefined || text.trim().toUpperCase() === typed) && (!asksReason || reason.trim() !== "");

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (!isReady || isBusy) return;
    setBusy(true);
    setFailure("");
    try {
      await run(reason.trim());
      if (!staysOpen) onClose();
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      setFailure(error.message);
      setBusy(false);
    }
  }

  return (
    <Dialog title={title} isDanger={isDanger} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        {children}
        {asksReason && (
          <label class="field">
            <span class="field__label">Reason</span>
            <input
              type="text"
              required
              maxLength={200}
              placeholder={reasonHint}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
        )}
        {typed !== undefined && (
          <label class="field">
            <span class="field__label">
              Type <strong>{typed}</strong> to confirm
            </span>
            <input
              type="text"
              autocomplete="off"
              autocapitalize="characters"
              spellcheck={false}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
        )}
        {failure && (
          <p class="notice notice--bad" role="alert">
            {failure}
          </p>
        )}
        <div class="form__actions">
          <button type="button" class="button" onClick={onClose}>
            Back
          </button>
          <button type="submit" class={`button ${isDanger ? "button--danger" : "button--main"}`} disabled={!isReady || isBusy}>
            {isBusy ? "Sending …" : action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
