/** Who is logged in: `undefined` while that is being asked, `null` for nobody. */

import { effect, signal } from "@preact/signals";
import type { Session } from "./api/types.ts";

/** The cookie cannot be seen from here: this tells whether there may be one, so that a stranger is not asked about. */
const KEY = "logged-in";

export const session = signal<Session | null | undefined>(localStorage.getItem(KEY) ? undefined : null);

/** Why it is still being asked. */
export const sessionProblem = signal<Error | undefined>(undefined);

effect(() => {
  if (session.value === null) localStorage.removeItem(KEY);
  else if (session.value) localStorage.setItem(KEY, "yes");
});
