/** What a person asks of the bot, followed until it has answered. */

import { toast } from "../ui/toast.tsx";
import { ApiProblem, get, newKey, post } from "./client.ts";
import type { Command } from "./types.ts";

const EVERY_MS = 500;
const PATIENCE_MS = 20_000;

/** Leaves commands for the bot. One object is one wish: sent again after a lost answer, it is still done once. */
export class Wish {
  readonly #key = newKey();
  readonly #path: string;
  /** What is wished, as the beginning of a sentence. */
  readonly #name: string;

  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
  }

  /** Resolves when the server has it; what the bot answers is told later, in a message. Raises `ApiProblem`. */
  async send(body: unknown = {}): Promise<void> {
    const command = await post<Command>(this.#path, body, this.#key);
    void this.#follow(command);
  }

  async #follow(given: Command): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    let command = given;
    while (command.state === "waiting" || command.state === "taken") {
      if (performance.now() > until) {
        toast("warn", `${this.#name}: the bot has not answered yet. The safety page lists what was asked of it.`);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      try {
        command = await get<Command>(`/commands/${command.id}`);
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error;
        if (error.status === 401) return;
      }
    }
    if (command.state === "done") toast("good", `${this.#name}: the bot is doing it.`);
    else toast("bad", `${this.#name}: refused. ${command.result}`);
  }
}
