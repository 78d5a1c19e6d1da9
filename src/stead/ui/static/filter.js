// Filters a list by what is typed.
export function startFilter() {
  for (const box of document.querySelectorAll("[data-filter]")) {
    box.closest("[hidden]")?.removeAttribute("hidden");
    const list = document.querySelector(box.dataset.filter);
    const nothing = document.querySelector("[data-no-match]");
    const apply = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const item of list.children) {
        item.hidden = !words.every((word) => item.dataset.text.includes(word));
        if (!item.hidden) shown += 1;
      }
      nothing.hidden = shown > 0;
    };
    box.addEventListener("input", apply);
    apply();
  }
}
