/** Requests to the server that served this page: JSON in and out, errors as `ApiProblem`, the login's token sent along. */

import { signal as reactive } from "@preact/signals";
import { session } from "../session.ts";

export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

/** What the server answered instead of success. status 0: there was no answer. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string;

  constructor(status: number, code: string, detail: string, requestId = "") {
    super(detail);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

const PATIENCE_MS = 15_000;
export const API = "/api/v1";

export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return send<T>("GET", address(path, query), { signal });
}

/** How often something was done from here: whatever is shown may be different now. */
export const done = reactive(0);

/**
 * @param key names what is asked, so that it is done once however often it is sent.
 * @param patienceMs how long the answer may take.
 */
export async function post<T>(path: string, body: unknown = {}, key?: string, patienceMs?: number): Promise<T> {
  const answer = await send<T>("POST", API + path, { body, key, patienceMs });
  done.value += 1;
  return answer;
}

/** A name that no other request has. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The address of a file that the browser itself fetches. */
export function address(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const pairs = given.flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)]));
  const search = new URLSearchParams(pairs).toString();
  return `${API}${path}${search ? `?${search}` : ""}`;
}

interface Options {
  body?: unknown;
  key?: string | undefined;
  signal?: AbortSignal | undefined;
  patienceMs?: number | undefined;
}

async function send<T>(method: string, url: string, options: Options): Promise<T> {
  const { body, key, signal, patienceMs = PATIENCE_MS } = options;
  const headers = new Headers({ Accept: "application/json" });
  const token = session.value?.csrf_token;
  if (token) headers.set("X-CSRF-Token", token);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  if (key) headers.set("Idempotency-Key", key);
  const patience = AbortSignal.timeout(patienceMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    // An answer may also break off in the midst.
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiProblem(0, "NO_CONNECTION", "The dashboard's server does not answer.");
  }
  if (response.ok) return resultOf<T>(response, text);
  const problem = problemOf(response, text);
  // The login has ended: the page stays where it is, behind the login form.
  if (response.status === 401 && problem.code === "LOGIN_REQUIRED") session.value = null;
  throw problem;
}

function resultOf<T>(response: Response, text: string): T {
  if (response.status === 204) return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiProblem(response.status, "", "Somebody else answered in the dashboard's place.");
  }
}

function problemOf(response: Response, text: string): ApiProblem {
  try {
    const found = JSON.parse(text) as { detail?: string; code?: string; request_id?: string; errors?: Fault[] };
    const faults = (found.errors ?? []).map((fault) => `${fault.field}: ${fault.message}`);
    const detail = [found.detail ?? response.statusText, ...faults].join(" · ");
    return new ApiProblem(response.status, found.code ?? "", detail, found.request_id);
  } catch {
    return new ApiProblem(response.status, "", `The server answered ${response.status} ${response.statusText}.`);
  }
}

interface Fault {
  field: string;
  message: string;
}
