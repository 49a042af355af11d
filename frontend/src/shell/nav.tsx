/** The way between pages: at the side, or at the bottom where it is narrow. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { positions } from "../live/store.ts";
import { href, route } from "../router.ts";
import { Dialog } from "../ui/dialog.tsx";
import { PAGES } from "./pages.ts";
import type { PageEntry } from "./pages.ts";
import { LogOut, ThemeSwitch } from "./preferences.tsx";

const isMoreOpen = signal(false);

export function Nav(): JSX.Element {
  const isMinorShown = PAGES.some((page) => page.isMinor && page.id === route.value.page);
  return (
    <nav class="nav" aria-label="Pages">
      <ul class="nav__list">
        {PAGES.map((page) => (
          <li key={page.id} class={page.isMinor ? "nav__item--minor" : undefined}>
            <Link page={page} />
          </li>
        ))}
        <li class="nav__more">
          <button
            type="button"
            class="nav__link"
            aria-haspopup="dialog"
            aria-current={isMinorShown ? "page" : undefined}
            onClick={() => (isMoreOpen.value = true)}
          >
            More
          </button>
        </li>
      </ul>
      {isMoreOpen.value && <More onClose={() => (isMoreOpen.value = false)} />}
    </nav>
  );
}

function More({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title="More" onClose={onClose}>
      <ul class="menu">
        {PAGES.filter((page) => page.isMinor).map((page) => (
          <li key={page.id}>
            <a class="menu__link" href={href(page.id)} onClick={onClose}>
              {page.title}
            </a>
          </li>
        ))}
      </ul>
      <div class="form__actions">
        <ThemeSwitch />
        <LogOut />
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Link({ page }: { page: PageEntry }): JSX.Element {
  const isCurrent = route.value.page === page.id;
  return (
    <a class="nav__link" href={href(page.id)} aria-current={isCurrent ? "page" : undefined}>
      {page.title}
      {page.id === "positions" && positions.value.size > 0 && <span class="nav__count">{positions.value.size}</span>}
    </a>
  );
}
