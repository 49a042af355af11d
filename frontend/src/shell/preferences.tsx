/** Dark or light, and the way out. */

import type { JSX } from "preact";
import { ApiProblem, post } from "../api/client.ts";
import { session } from "../session.ts";
import { choice } from "../theme.ts";
import type { Choice } from "../theme.ts";
import { toast } from "../ui/toast.tsx";

const NEXT: Record<Choice, Choice> = { system: "light", light: "dark", dark: "system" };
const SIGNS: Record<Choice, string> = { system: "◐", light: "☀", dark: "☾" };

export function ThemeSwitch(): JSX.Element {
  const now = choice.value;
  const text = `Colours: ${now}`;
  return (
    <button
      type="button"
      class="button button--bare"
      aria-label={`${text}. Change to ${NEXT[now]}`}
      title={text}
      data-testid="theme"
      onClick={() => (choice.value = NEXT[now])}
    >
      <span aria-hidden="true">{SIGNS[now]}</span>
    </button>
  );
}

export function LogOut(): JSX.Element {
  async function leave(): Promise<void> {
    try {
      await post("/logout");
      session.value = null;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      toast("bad", `Not logged out: ${error.message}`);
    }
  }
  return (
    <button type="button" class="button button--bare" onClick={leave}>
      Log out
    </button>
  );
}
