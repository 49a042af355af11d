/** The pages, in the order of the navigation. */

export interface PageEntry {
  readonly id: string;
  readonly title: string;
  /** Whether the narrow navigation has it only under “More”. */
  readonly isMinor?: boolean;
}

export const PAGES: readonly PageEntry[] = [
  { id: "overview", title: "Overview" },
  { id: "chart", title: "Chart" },
  { id: "positions", title: "Positions" },
  { id: "decisions", title: "Decisions", isMinor: true },
  { id: "trades", title: "Trades", isMinor: true },
  { id: "safety", title: "Safety" },
  { id: "alerts", title: "Alerts", isMinor: true },
  { id: "logs", title: "Logs", isMinor: true },
  { id: "settings", title: "Settings", isMinor: true },
];
