/** The frame of a page and of the panels on it. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { ApiProblem } from "../api/client.ts";
import { route } from "../router.ts";

let isFirst = true;

/** The page's heading gets the focus when the page was chosen, so that screen readers and keys go on from there. */
export function PageHead({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · llm-tradebot`;
    if (!isFirst) heading.current?.focus();
    isFirst = false;
  }, [route.value.page]);
  return (
    <div class="page__head">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children !== undefined && <div class="page__tools">{children}</div>}
    </div>
  );
}

interface PanelProps {
  title: string;
  tools?: ComponentChildren;
  children: ComponentChildren;
  testId?: string;
}

export function Panel({ title, tools, children, testId }: PanelProps): JSX.Element {
  const id = useId();
  return (
    <section class="panel" aria-labelledby={id} data-testid={testId}>
      <div class="panel__head">
        <h2 id={id}>{title}</h2>
        {tools !== undefined && <div class="panel__tools">{tools}</div>}
      </div>
      {children}
    </section>
  );
}

/** What is shown while, or because, there is no data. */
export function Waiting({ problem }: { problem: ApiProblem | undefined }): JSX.Element {
  if (!problem) return <p class="empty">Loading …</p>;
  return <Failure problem={problem} />;
}

export function Failure({ problem }: { problem: ApiProblem }): JSX.Element {
  return (
    <p class="notice notice--warn" role="alert">
      {problem.message}
      {problem.requestId && <span class="small"> (request {problem.requestId})</span>}
    </p>
  );
}
