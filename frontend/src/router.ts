/** Which page is shown: kept in the address after `#`, so that back, reload and bookmarks work without the server. */

import { signal } from "@preact/signals";

export interface Route {
  readonly page: string;
  readonly query: Readonly<Record<string, string>>;
}

export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { page: path || "overview", query: Object.fromEntries(new URLSearchParams(search)) };
}

/** The address of a page; what is empty or missing in the query is left out. */
export function href(page: string, query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const search = new URLSearchParams(given).toString();
  return `#/${page}${search ? `?${search}` : ""}`;
}

export const route = signal<Route>(parse(location.hash));

/** Change the query of the page that is shown, without a step in the history. */
export function refine(changes: Record<string, string | undefined>): void {
  history.replaceState(null, "", href(route.value.page, { ...route.value.query, ...changes }));
  route.value = parse(location.hash);
}

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});
