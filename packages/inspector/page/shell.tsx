import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { keepToken, token } from "./api.ts";
import { askForToken } from "./commands.ts";
import { Dialogs } from "./dialogs.tsx";
import { formatBytes, formatCount, formatDuration, formatShort } from "./format.ts";
import { addressOf, route, VIEWS } from "./route.ts";
import { link, main, overview, samples } from "./store.ts";

// The page does it itself: the browser would do it before there is anything to scroll.
history.scrollRestoration = "manual";

/** What stands around every view. */
export function Shell({ children }: { readonly children: JSX.Element }): JSX.Element {
  const { view } = route.value;
  const { type } = link.value;
  useEffect(() => {
    document.title = `${overview.value?.system ?? "Espalier"} · ${view}`;
  }, [view, overview.value?.system]);
  return (
    <>
      <a class="skip" href="#view" onClick={skip}>
        Skip to the content
      </a>
      <header>
        <a class="brand" href={addressOf("tree")}>
          <Espalier />
          {overview.value?.system ?? "Espalier"}
        </a>
        <nav aria-label="Views">
          {VIEWS.map((name) => (
            <a key={name} href={addressOf(name)} aria-current={name === view ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <span class={`link ${type}`} role="status">
          {type === "live" ? "live" : type === "connecting" ? "connecting" : type === "lost" ? "lost" : "locked"}
        </span>
        <TokenButton />
        <ThemeButton />
      </header>
      <LinkBanner />
      {overview.value && <Figures />}
      <main id="view" tabIndex={-1} class={type === "live" ? "" : "stale"}>
        {overview.value === undefined ? <Waiting /> : children}
      </main>
      <Dialogs />
    </>
  );
}

/** The address belongs to the router. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("#view")?.focus();
}

function Espalier(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <path d="M16 29V5M16 24H7V15M16 24h9V15M16 14H7V6M16 14h9V6" />
    </svg>
  );
}

function TokenButton(): JSX.Element | null {
  if (overview.value?.takesCommands !== true) {
    return overview.value ? <span class="muted wide">read only</span> : null;
  }
  return token.value === "" ? (
    <button onClick={() => void askForToken()} title="Commands need the inspector's token">
      Unlock
    </button>
  ) : (
    <button onClick={() => keepToken("")} title="Forget the token">
      Lock
    </button>
  );
}

const THEMES = ["auto", "light", "dark"] as const;
const THEME_KEY = "espalier.theme";

function ThemeButton(): JSX.Element {
  const [theme, setTheme] = useState(() => localStorage.getItem(THEME_KEY) ?? "auto");
  useEffect(() => {
    localStorage.setItem(THEME_KEY, theme);
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const next = THEMES[(THEMES.findIndex((name) => name === theme) + 1) % THEMES.length] ?? "auto";
  return (
    <button class="theme" onClick={() => setTheme(next)} title={`Colours: ${theme}. Change to ${next}.`}>
      <span aria-hidden="true">◐</span>
      <span class="wide">{theme}</span>
    </button>
  );
}

function LinkBanner(): JSX.Element | null {
  const now = link.value;
  const isLost = now.type === "lost";
  const [, tick] = useState(0);
  useEffect(() => {
    if (!isLost) return undefined;
    const timer = setInterval(() => tick((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, [isLost]);
  if (now.type === "locked") {
    return (
      <div class="banner" role="alert">
        <span>This inspector answers only those who have its token.</span>
        <button onClick={() => void askForToken(token.value !== "")}>Give the token</button>
      </div>
    );
  }
  if (!isLost) return null;
  const seconds = Math.max(0, Math.ceil((now.retryAt - Date.now()) / 1000));
  return (
    <div class="banner" role="alert">
      <span>
        <b>The inspector is lost:</b> {now.message}. {overview.value && "What you see is how it was. "}
        Next try in {seconds} s.
      </span>
      <button onClick={main.open}>Try now</button>
    </div>
  );
}

function Waiting(): JSX.Element {
  const { type } = link.value;
  return (
    <div class="empty">
      <Espalier />
      <p>
        {type === "lost"
          ? "There is nothing to show yet: the inspector has not answered."
          : type === "locked"
            ? "There is nothing to show without the token."
            : "Asking the inspector…"}
      </p>
    </div>
  );
}

function Figures(): JSX.Element | null {
  const all = overview.value;
  const sample = samples.value.at(-1);
  if (all === undefined) return null;
  const { counters } = all;
  const rates = sample?.perSecond;
  const figures: readonly (readonly [string, string, string?])[] = [
    ["processes", formatCount(all.processes)],
    ["connections", formatCount(sample?.connections ?? 0)],
    ["messages / s", formatShort(rates?.steps ?? 0)],
    ["in / s", formatBytes(rates?.bytesReceived ?? 0)],
    ["out / s", formatBytes(rates?.bytesSent ?? 0)],
    ["waiting messages", formatCount(all.mailboxes)],
    ["crashes", formatCount(counters.crashes), counters.crashes > 0 ? "bad" : ""],
    ["restarts", formatCount(counters.restarts), counters.restarts > 0 ? "warn" : ""],
    ["watched for", formatDuration(all.attachedFor)],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value, tone]) => (
        <div key={name} class={tone}>
          <dt>{name}</dt>
          <dd data-figure={name}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
