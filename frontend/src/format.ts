/** How numbers and times are shown. Money arrives as exact decimal text and never passes through a float. */

const MINUS = "−";
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Decimal text with so many places, rounded half away from zero, thousands set apart: `-1234.5` → `−1,234.50`. */
export function decimal(text: string, places: number): string {
  const match = DECIMAL.exec(text);
  if (!match) return text;
  const [, sign = "", whole = "0", fraction = ""] = match;
  const kept = (fraction + "0".repeat(places)).slice(0, places);
  let digits = BigInt(whole + kept);
  if ((fraction[places] ?? "0") >= "5") digits += 1n;
  const padded = digits.toString().padStart(places + 1, "0");
  const cut = padded.length - places;
  const grouped = padded.slice(0, cut).replace(/\B(?=(\d{3})+$)/g, ",");
  return (sign && digits !== 0n ? MINUS : "") + grouped + (places ? `.${padded.slice(cut)}` : "");
}

/** -1, 0 or 1, of the value itself, however small it is. */
export function signOf(text: string): -1 | 0 | 1 {
  const match = DECIMAL.exec(text);
  if (!match || !/[1-9]/.test(text)) return 0;
  return match[1] ? -1 : 1;
}

/** As `decimal`, with a plus before what is above zero. */
export function signed(text: string, places: number): string {
  return (signOf(text) > 0 ? "+" : "") + decimal(text, places);
}

/** Money in the quote coin, to the cent. */
export function money(text: string): string {
  return decimal(text, 2);
}

/** A price with as many places as prices of its size usually have, so that a column of them is aligned. */
export function price(text: string): string {
  const size = Math.abs(Number(text));
  return decimal(text, size >= 100 ? 2 : size >= 1 ? 4 : size >= 0.01 ? 6 : 8);
}

/** A quantity with all its digits, without zeros at the end. */
export function quantity(text: string): string {
  const trimmed = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return decimal(trimmed, trimmed.split(".")[1]?.length ?? 0);
}

/** A percentage that comes as text: `+1.25 %`. */
export function percent(text: string): string {
  return `${signed(text, 2)} %`;
}

/** A share or score between -1 and 1 with two places and its sign. */
export function score(value: number): string {
  return signed(value.toFixed(2), 2);
}

/** `2025-06-01 12:30:05`, UTC. */
export function moment(time: string | number): string {
  return new Date(time).toISOString().slice(0, 19).replace("T", " ");
}

/** `06-01 12:30`, UTC: for columns of times that lie near each other. */
export function shortMoment(time: string | number): string {
  return moment(time).slice(5, 16);
}

/** `12:30:05`, UTC. */
export function clock(time: string | number): string {
  return moment(time).slice(11);
}

/** How long, in the largest two units that matter: `3 s`, `4 min`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** `not_responding` → `not responding`. */
export function words(code: string): string {
  return code.replaceAll("_", " ");
}

/** `not_responding` → `Not responding`, `exchange_api` → `Exchange API`. */
export function sentence(code: string): string {
  const text = words(code).replace(/\bapi\b/, "API");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
