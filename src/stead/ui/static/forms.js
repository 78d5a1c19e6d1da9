// Forms: no second submit, questions before damage, and answers in place.
import { take } from "./live.js";
import { toast } from "./toast.js";
import { say } from "./words.js";

function busy(form, on) {
  for (const button of form.querySelectorAll("button[data-busy]")) {
    if (on) button.dataset.idle = button.textContent;
    button.textContent = on ? button.dataset.busy : (button.dataset.idle ?? button.textContent);
    button.setAttribute("aria-busy", on);
  }
  form.toggleAttribute("data-sent", on);
}

async function swap(form) {
  const body = new URLSearchParams(new FormData(form));
  try {
    const part = await take(form.action, form.dataset.swap, { method: "POST", body });
    (part?.querySelector("[aria-invalid]") ?? part?.querySelector("button"))?.focus();
  } catch {
    toast(say("The server cannot be reached; try again in a moment"));
    busy(form, false);
  }
}

export function startForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if ("sent" in form.dataset) {
      event.preventDefault();
      return;
    }
    if (form.dataset.confirm && !confirm(form.dataset.confirm)) {
      event.preventDefault();
      return;
    }
    busy(form, true);
    if (form.dataset.swap) {
      event.preventDefault();
      swap(form);
    }
  });
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-swap]");
    if (!link) return;
    event.preventDefault();
    await take(link.href, link.dataset.swap);
  });
  // Coming back with the browser's own button finds the form as it was sent.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) busy(form, false);
  });
  document.querySelector("form [aria-invalid]")?.focus();
}
