/** Vetoes that only say that there is nothing to do: no limit stood in the way, and nobody has to look at them. */
const ROUTINE = new Set(["POSITION_OPEN", "NOTHING_TO_EXIT", "EXIT_UNDER_WAY"]);

export function isRoutine(veto: string): boolean {
  return ROUTINE.has(veto);
}
