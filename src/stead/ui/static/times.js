// Keeps ages and durations current, and shows exact times in the reader's own zone.
import { say } from "./words.js";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function age(seconds) {
  if (seconds < 10) return say("just now");
  if (seconds < 60) return say("%(count)s s ago", { count: seconds });
  if (seconds < 3600) return say("%(count)s min ago", { count: Math.floor(seconds / 60) });
  if (seconds < 86400) return say("%(count)s h ago", { count: Math.floor(seconds / 3600) });
  const days = Math.floor(seconds / 86400);
  return days === 1 ? say("yesterday") : say("%(count)s days ago", { count: days });
}

function duration(seconds) {
  if (seconds < 60) return say("%(count)s s", { count: seconds });
  return say("%(minutes)s min %(count)s s", { minutes: Math.floor(seconds / 60), count: seconds % 60 });
}

export function tick() {
  for (const time of document.querySelectorAll("time[data-age], time[data-since]")) {
    const moment = new Date(time.dateTime);
    const seconds = Math.max(0, Math.floor((Date.now() - moment) / 1000));
    const words = "since" in time.dataset ? duration(seconds) : age(seconds);
    if (time.textContent !== words) time.textContent = words;
    if ("age" in time.dataset) time.title = exact.format(moment);
  }
}

export function startTimes() {
  tick();
  setInterval(tick, 1000);
}
