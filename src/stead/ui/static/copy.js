// Copy buttons: one listener for those that are there now and those that come later.
import { toast } from "./toast.js";
import { say } from "./words.js";

export function startCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      toast(say("The browser does not allow copying here; select the text instead"));
      return;
    }
    button.classList.add("copied");
    toast(say("Copied"));
    setTimeout(() => button.classList.remove("copied"), 1500);
  });
}
