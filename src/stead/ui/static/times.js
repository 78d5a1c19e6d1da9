// Keeps ages and durations current, and shows exact times in the reader's own zone.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function age(seconds) {
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? "yesterday" : `${days} days ago`;
}

function duration(seconds) {
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
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
