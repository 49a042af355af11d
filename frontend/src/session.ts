/** Who is logged in: `undefined` while that is being asked, `null` for nobody. */

import { signal } from "@preact/signals";
import type { Session } from "./api/types.ts";

export const session = signal<Session | null | undefined>(undefined);
