// Takes a part of a page anew from the server, which alone knows how things look.
// Throws when the server cannot be reached; an answer without that part leads to its page.
import { tick } from "./times.js";

export async function take(url, selector, options = {}) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, ...options });
  if (answer.status >= 500) throw new Error(`answered ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector(selector);
  const stale = document.querySelector(selector);
  if (!fresh || !stale) {
    location.assign(answer.redirected ? answer.url : location.href);
    return null;
  }
  const focused = document.activeElement?.getAttribute?.("href");
  stale.replaceWith(fresh);
  if (focused) fresh.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
  document.title = page.title;
  tick();
  return fresh;
}

let timer;

// While something on the page is under way, look again every few seconds.
export function startRefreshing() {
  clearTimeout(timer);
  const part = document.querySelector("#live[data-refresh]");
  if (!part) return;
  timer = setTimeout(async () => {
    const open = document.querySelector("dialog[open]");
    if (!document.hidden && !open) {
      try {
        await take(location.href, "#live");
      } catch {
        // The server restarts or the network is away: the next look finds out.
      }
    }
    startRefreshing();
  }, Number(part.dataset.refresh) * 1000);
}
