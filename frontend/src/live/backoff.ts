const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** How long to wait before try `attempt` (0 is the first), ms: doubled each time, less up to a fifth by chance (0 to 1). */
export function backOff(attempt: number, chance: number): number {
  const full = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
  return full * (1 - 0.2 * chance);
}
