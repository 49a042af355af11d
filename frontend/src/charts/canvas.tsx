/** The place where a drawing is made: loads what draws, and tells in words what is to be seen. */

import type { ComponentChildren, JSX, RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { backOff } from "../live/backoff.ts";
import { theme } from "../theme.ts";

type Draw = typeof import("./draw.ts");

interface Drawing {
  recolour(): void;
  remove(): void;
}

/** A drawing in the element that the reference is given to; undefined until it is there. */
export function useDrawing<D extends Drawing>(
  make: (draw: Draw, container: HTMLElement) => D,
): [RefObject<HTMLDivElement | null>, D | undefined] {
  const container = useRef<HTMLDivElement>(null);
  const [drawing, setDrawing] = useState<D>();
  useEffect(() => {
    let made: D | undefined;
    let isGone = false;
    void loaded(() => !isGone).then((draw) => {
      if (!draw || isGone || !container.current) return;
      made = make(draw, container.current);
      setDrawing(made);
    });
    return () => {
      isGone = true;
      made?.remove();
    };
  }, []);
  useEffect(() => drawing?.recolour(), [drawing, theme.value]);
  return [container, drawing];
}

/** What draws; tried again while the connection is lost, as long as it is wanted. */
async function loaded(isWanted: () => boolean): Promise<Draw | undefined> {
  for (let attempt = 0; isWanted(); attempt += 1) {
    try {
      return await import("./draw.ts");
    } catch {
      await new Promise((go) => setTimeout(go, backOff(attempt, Math.random())));
    }
  }
  return undefined;
}

interface FigureProps {
  container: RefObject<HTMLDivElement | null>;
  isTall?: boolean;
  /** What a person would say who sees it. */
  summary: string;
  children?: ComponentChildren;
}

export function ChartFigure({ container, isTall = false, summary, children }: FigureProps): JSX.Element {
  return (
    <figure class="chart">
      <div
        ref={container}
        class={isTall ? "chart__canvas chart__canvas--tall" : "chart__canvas"}
        role="img"
        aria-label={summary}
      />
      <figcaption class="chart__caption">
        {children}
        <a class="small muted" href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
          Charts by TradingView
        </a>
      </figcaption>
    </figure>
  );
}
