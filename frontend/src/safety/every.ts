import { useEffect } from "preact/hooks";

const EVERY_MS = 500;

/** Call `run` again and again while something is expected to change soon. */
export function useEveryWhile(run: () => void, isExpected: boolean): void {
  useEffect(() => {
    if (!isExpected) return undefined;
    const timer = setInterval(run, EVERY_MS);
    return () => clearInterval(timer);
  }, [run, isExpected]);
}
