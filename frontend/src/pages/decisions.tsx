/** What was decided and why: every vote with its weight and reason, the regime, and what stood against it. */

import type { JSX } from "preact";
import { useResource } from "../api/resource.ts";
import type { Decision, Page } from "../api/types.ts";
import { Verdict } from "../decisions/verdict.tsx";
import { VoteBar, Votes } from "../decisions/votes.tsx";
import { decimal, price, quantity, score, sentence, words } from "../format.ts";
import { news } from "../live/store.ts";
import { href, refine, route } from "../router.ts";
import { Choice, DateField, dayAfter, SymbolChoice } from "../ui/filters.tsx";
import { Failure, PageHead, Panel, Waiting } from "../ui/page.tsx";
import { Pager } from "../ui/pager.tsx";
import { Table } from "../ui/table.tsx";
import type { Column } from "../ui/table.tsx";
import { Time } from "../ui/values.tsx";

const LIMIT = 50;

const COLUMNS: readonly Column<Decision>[] = [
  { label: "Symbol", isTitle: true, cell: (decision) => <Chosen decision={decision} /> },
  { label: "Time", isBare: true, cell: (decision) => <When decision={decision} /> },
  { label: "Verdict", isBare: true, cell: (decision) => <Verdict decision={decision} /> },
  { label: "Score", isNumber: true, cell: (decision) => score(decision.score) },
  { label: "Votes", isBare: true, cell: (decision) => <VoteBar votes={decision.votes} /> },
  { label: "Regime", isBare: true, cell: (decision) => words(decision.regime) },
  { label: "Price", isNumber: true, isMinor: true, cell: (decision) => price(decision.price) },
  {
    label: "What came of it",
    isBare: true,
    cell: (decision) => {
      if (decision.veto) {
        return (
          <span class={decision.is_idle ? "muted" : undefined} title={`${decision.veto} ${decision.veto_detail}`.trim()}>
            {decision.is_idle ? decision.veto_text : `vetoed: ${decision.veto_text}`}
          </span>
        );
      }
      return decision.verdict === "hold" ? <span class="muted">–</span> : outcome(decision);
    },
  },
];

export function Decisions(): JSX.Element {
  const { symbol, verdict, vetoed, since, until, offset, id } = route.value.query;
  const chosen = { symbol, verdict, vetoed, since, until: dayAfter(until), limit: LIMIT, offset };
  const found = useResource<Page<Decision>>("/decisions", chosen, news.decision);
  return (
    <>
      <PageHead title="Decisions" />
      <div class="stack">
        {id && <Detail id={id} />}
        <div class="filters">
          <SymbolChoice />
          <Choice
            label="Verdict"
            name="verdict"
            options={[
              ["", "All"],
              ["enter_long", "Enter long"],
              ["exit", "Exit"],
              ["hold", "Hold"],
            ]}
          />
          <Choice
            label="Veto"
            name="vetoed"
            options={[
              ["", "With and without"],
              ["true", "Vetoed"],
              ["false", "Not vetoed"],
            ]}
          />
          <DateField label="From (UTC)" name="since" />
          <DateField label="Until (UTC)" name="until" />
        </div>
        <Panel title="Decisions, newest first; runs of those that changed nothing are one line">
          {found.problem && found.data && <Failure problem={found.problem} />}
          {found.data ? (
            <>
              <Table
                caption="Decisions"
                isDense
                columns={COLUMNS}
                rows={found.data.items}
                keyOf={(decision) => decision.id}
                empty="No decision fits."
              />
              <Pager
                offset={found.data.offset}
                limit={LIMIT}
                count={found.data.items.length}
                nextOffset={found.data.next_offset}
              />
            </>
          ) : (
            <Waiting problem={found.problem} />
          )}
        </Panel>
      </div>
    </>
  );
}

/** What was done on it. */
function outcome(decision: Decision): string {
  if (decision.quantity) return `ordered ${quantity(decision.quantity)}`;
  return decision.verdict === "exit" && !decision.veto ? "exit of what is held" : "nothing";
}

function Chosen({ decision }: { decision: Decision }): JSX.Element {
  return (
    <a href={href("decisions", { ...route.value.query, id: decision.id })} aria-label={`Why: ${decision.symbol}`}>
      {decision.symbol}
    </a>
  );
}

function When({ decision }: { decision: Decision }): JSX.Element {
  if (decision.count === 1) return <Time at={decision.time} as="full" />;
  return (
    <>
      <Time at={decision.first_at} as="full" /> – <Time at={decision.time} as="clock" />
    </>
  );
}

function Detail({ id }: { id: string }): JSX.Element {
  const found = useResource<Decision>(`/decisions/${id}`);
  const close = (
    <button type="button" class="button button--small" onClick={() => refine({ id: undefined })}>
      Close
    </button>
  );
  const decision = found.data;
  if (!decision) {
    return (
      <Panel title="Decision" tools={close}>
        <Waiting problem={found.problem} />
      </Panel>
    );
  }
  return (
    <Panel title={`${sentence(decision.verdict)} ${decision.symbol}`} tools={close} testId="decision">
      <dl class="facts facts--columns">
        <Fact name="Time">
          <When decision={decision} /> UTC
        </Fact>
        <Fact name="Price seen">{price(decision.price)}</Fact>
        <Fact name="Regime">{words(decision.regime)}</Fact>
        <Fact name="Score">{score(decision.score)}</Fact>
        <Fact name="Confidence">{decimal(String(decision.confidence * 100), 0)} %</Fact>
        <Fact name="What came of it">{outcome(decision)}</Fact>
      </dl>
      {decision.veto && (
        <p class={decision.is_idle ? "notice" : "notice notice--warn"}>
          {decision.is_idle ? "Nothing to do" : "Vetoed"}: <strong>{decision.veto_text}</strong> <code>{decision.veto}</code>
          {decision.veto_detail && `: ${decision.veto_detail}`}
        </p>
      )}
      <Votes votes={decision.votes} />
    </Panel>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
