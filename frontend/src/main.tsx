/** The page: the login, or the frame with the page that the address names. */

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/components.css";
import "./styles/pages.css";
import { render } from "preact";
import { get, ApiProblem } from "./api/client.ts";
import type { Session } from "./api/types.ts";
import { session } from "./session.ts";
import { App } from "./shell/app.tsx";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
render(<App />, root);

try {
  session.value = await get<Session>("/session");
} catch (error) {
  if (!(error instanceof ApiProblem)) throw error;
  session.value = null;
}
