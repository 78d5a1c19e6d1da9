// Filters and pages of lists: the list changes, the page stays, and the back button goes back.
import { startFilter } from "./filter.js";
import { startRefreshing, take } from "./live.js";

const PART = "#main";
const LINKS = "nav.chips a[href], a[data-turn]";
let last = new AbortController();
let shown = location.pathname + location.search;

async function turn(url) {
  last.abort(); // who clicks twice wants the second
  shown = location.pathname + location.search;
  const mine = (last = new AbortController());
  try {
    await take(url, PART, { signal: mine.signal });
  } catch {
    if (!mine.signal.aborted) location.assign(url);
    return;
  }
  startFilter();
  startRefreshing();
}

function go(url) {
  history.pushState(null, "", url);
  return turn(url);
}

export function startTurning() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest(LINKS);
    const elsewhere = event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    if (!link || elsewhere || link.origin !== location.origin) return;
    event.preventDefault();
    go(link.href);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // A field named action or method hides the form's own.
    const own = (name) => form.getAttribute(name) ?? "";
    if (own("method").toLowerCase() !== "get") return;
    event.preventDefault();
    const url = new URL(own("action") || location.pathname, location.href);
    url.search = new URLSearchParams(new FormData(form));
    go(url.href);
  });
  addEventListener("popstate", () => {
    // A jump within the page changes nothing but what comes after the #.
    if (location.pathname + location.search !== shown) turn(location.href);
  });
}
