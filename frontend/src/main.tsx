/** The page: the login, or the frame with the page that the address names. */

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/components.css";
import "./styles/pages.css";
import { render } from "preact";
import { get, ApiProblem } from "./api/client.ts";
import type { Session } from "./api/types.ts";
import { session, sessionProblem } from "./session.ts";
import { App } from "./shell/app.tsx";

const RETRY_MS = 2_000;

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
render(<App />, root);

// Who is logged in must be known before anything is shown; a server that cannot tell now is asked again.
while (session.value === undefined) {
  try {
    session.value = await get<Session>("/session");
    sessionProblem.value = undefined;
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    if (error.status === 401) session.value = null;
    sessionProblem.value = error;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
