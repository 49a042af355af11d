/** How much of a limit is used. */

import type { JSX } from "preact";

interface Props {
  label: string;
  /** How much of the limit is used: 0 to 1, more where it is passed. */
  share: number;
  /** As a person reads it: `1 of 3`, `2.10 % of 5 %`. */
  text: string;
  /** Whether it is bad to come near the limit. A limit that only says how much may be held is there to be used. */
  isDanger: boolean;
}

const WARN_AT = 0.8;

export function Gauge({ label, share, text, isDanger }: Props): JSX.Element {
  const shade = !isDanger || share < WARN_AT ? "plain" : share < 1 ? "warn" : "bad";
  const width = Math.max(0, Math.min(1, share)) * 100;
  return (
    <div class="gauge">
      <div class="gauge__line">
        <span>{label}</span>
        <span class="gauge__text">{text}</span>
      </div>
      <svg
        class={`gauge__bar gauge__bar--${shade}`}
        viewBox="0 0 100 4"
        preserveAspectRatio="none"
        role="meter"
        aria-label={label}
        aria-valuenow={Math.round(width)}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuetext={text}
      >
        <rect class="gauge__track" width="100" height="4" />
        <rect class="gauge__fill" width={width} height="4" />
      </svg>
    </div>
  );
}
