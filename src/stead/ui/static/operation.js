// An operation as it happens: the log grows by events, everything else is taken anew.
import { take } from "./live.js";
import { toast } from "./toast.js";
import { say } from "./words.js";

const LINES = 2000;
const AT_END = 24;
const RETRY_MS = 1000;

function titleOf(step) {
  const row = document.querySelector(`[data-step="${CSS.escape(step)}"] .step-title`);
  return row?.textContent ?? step;
}

function lineOf(kind, event) {
  const data = event.data ?? {};
  const said = data.text ?? data.message ?? "";
  if (kind === "log") return [data.stream ?? "", said];
  if (kind === "retry" || kind === "undo_retry") return ["note", say("Trying again: %(why)s", { why: said })];
  if (kind === "cancel") return ["note", say("Cancelling was asked for")];
  if (kind === "step" && data.state === "running") return ["step", titleOf(event.step)];
  if (kind === "state" && data.state === "undoing") return ["step", say("Taking back what was made")];
  return null;
}

function startLog(frame) {
  const log = frame.querySelector(".log");
  const jump = frame.querySelector(".log-end");
  let follow = true;
  let waiting = [];
  const toEnd = () => (log.scrollTop = log.scrollHeight);
  log.addEventListener("scroll", () => {
    follow = log.scrollHeight - log.scrollTop - log.clientHeight < AT_END;
    jump.hidden = follow;
  });
  jump.addEventListener("click", toEnd);
  new ResizeObserver(() => follow && toEnd()).observe(log);
  toEnd();
  const flush = () => {
    log.append(...waiting);
    waiting = [];
    while (log.childElementCount > LINES) log.firstElementChild.remove();
    if (follow) toEnd();
  };
  return (kind, words) => {
    const line = document.createElement("p");
    line.className = kind;
    line.textContent = words;
    if (waiting.push(line) === 1) setTimeout(flush, 50);
  };
}

function startFacts(url) {
  let again = false;
  let current = null;
  const run = async () => {
    while (again) {
      again = false;
      try {
        await take(url, "#live");
      } catch {
        again = true; // the server restarts or the network is away
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    current = null;
  };
  return () => {
    again = true;
    current ??= run();
    return current;
  };
}

function showProgress(data) {
  const box = document.querySelector("[data-progress]");
  if (!box) return;
  box.hidden = false;
  box.querySelector("progress").value = data.percent ?? 0;
  box.querySelector("span").textContent = data.text ?? "";
}

export function startOperation() {
  const root = document.querySelector("[data-operation]");
  if (!root) return;
  const write = startLog(root.querySelector(".log-frame"));
  if ("ended" in root.dataset) return;
  const status = root.querySelector("[data-stream]");
  const refresh = startFacts(location.href);
  const stream = new EventSource(
    `/api/v1/operations/${root.dataset.operation}/events?after=${root.dataset.seq}`,
  );
  stream.onopen = () => (status.textContent = say("Live"));
  stream.onerror = () => {
    const over = stream.readyState === EventSource.CLOSED;
    status.textContent = over ? say("Not connected; load the page again") : say("Reconnecting…");
  };
  for (const kind of ["log", "progress", "step", "state", "retry", "undo_retry", "cancel"]) {
    stream.addEventListener(kind, (message) => {
      const event = JSON.parse(message.data);
      if (kind === "progress") showProgress(event.data);
      const line = lineOf(kind, event);
      if (line) write(...line);
      if (["step", "state", "cancel"].includes(kind)) refresh();
    });
  }
  stream.addEventListener("end", () => {
    stream.close();
    status.textContent = "";
    refresh().then(() => toast(document.title.replace(/ · Stead$/, "")));
  });
}
