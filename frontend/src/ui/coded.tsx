import type { JSX } from "preact";

/** A text in which what stands between backquotes is a command or a name, as the server writes them. */
export function Coded({ text }: { text: string }): JSX.Element {
  return <>{text.split("`").map((part, at) => (at % 2 ? <code key={at}>{part}</code> : part))}</>;
}
