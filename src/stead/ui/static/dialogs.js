// Links that lead to a page of questions open the same questions in a dialog.
export function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (!dialog) return;
      event.preventDefault();
      dialog.showModal();
      dialog.querySelector("[data-close]")?.focus();
      return;
    }
    const closer = event.target.closest("[data-close]")?.closest("dialog");
    if (closer) {
      event.preventDefault();
      closer.close();
    }
  });
}
