/** The way in. What was open before the login ended is still in the address, and is there again after it. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiProblem, post } from "../api/client.ts";
import type { Session } from "../api/types.ts";
import { session } from "../session.ts";

export function Login(): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const [password, setPassword] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    document.title = "Log in · llm-tradebot";
    field.current?.focus();
  }, []);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setFailure("");
    try {
      session.value = await post<Session>("/login", { password });
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      setFailure(error.message);
      setPassword("");
      setBusy(false);
      field.current?.focus();
    }
  }

  return (
    <main class="login">
      <form class="panel form login__form" onSubmit={submit}>
        <h1>llm-tradebot</h1>
        <input type="text" name="username" value="owner" autocomplete="username" hidden readOnly />
        <label class="field">
          <span class="field__label">Password</span>
          <input
            ref={field}
            type="password"
            name="password"
            autocomplete="current-password"
            required
            value={password}
            aria-invalid={failure !== ""}
            aria-describedby="login-failure"
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        <p id="login-failure" class={failure ? "notice notice--bad" : "hidden"} role="alert">
          {failure}
        </p>
        <button type="submit" class="button button--main" disabled={isBusy || password === ""}>
          {isBusy ? "Logging in …" : "Log in"}
        </button>
        <p class="small muted">
          The password is <code>DASHBOARD_PASSWORD</code>, or the one that the log told at the first start.
        </p>
      </form>
    </main>
  );
}
