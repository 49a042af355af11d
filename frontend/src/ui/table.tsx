/** A table whose rows become cards where the window is narrow. */

import type { ComponentChild, JSX } from "preact";

export interface Column<T> {
  readonly label: string;
  /** Numbers stand at the end, so that their digits are aligned. */
  readonly isNumber?: boolean;
  /** The cell that a card is headed with. */
  readonly isTitle?: boolean;
  /** Whether it needs a card's whole width: one line of it, or a text. */
  readonly isWide?: boolean;
  readonly isText?: boolean;
  /** Whether a card shows it without its label: it says itself what it is. */
  readonly isBare?: boolean;
  /** Whether a card leaves it out. */
  readonly isMinor?: boolean;
  /** Whether it holds buttons, which stand at the end of the line. */
  readonly isActions?: boolean;
  readonly cell: (row: T) => ComponentChild;
}

interface Props<T> {
  caption: string;
  /** Whether the caption is only for those who do not see the heading above. */
  isCaptionHidden?: boolean;
  /** Whether cards are as short as can be: a log of many, of which few are read in full. */
  isDense?: boolean;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  /** What is said where there are no rows. */
  empty: ComponentChild;
}

export function Table<T>(props: Props<T>): JSX.Element {
  const { caption, isCaptionHidden = true, isDense = false, columns, rows, keyOf, empty } = props;
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <table class={isDense ? "table table--dense" : "table"}>
      <caption class={isCaptionHidden ? "hidden" : undefined}>{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.label} scope="col" class={column.isNumber || column.isActions ? "number" : undefined}>
              {column.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map((column) => (
              <td key={column.label} class={classOf(column)} data-label={column.label}>
                <span class="cell">{column.cell(row)}</span>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function classOf<T>(column: Column<T>): string | undefined {
  const found = [
    column.isNumber && "number",
    column.isTitle && "card-title",
    (column.isWide || column.isText || column.isActions) && "card-wide",
    column.isText && "card-text",
    column.isActions && "card-actions",
    column.isBare && "card-bare",
    column.isMinor && "card-minor",
  ];
  return found.filter(Boolean).join(" ") || undefined;
}
