// A short message at the bottom, read out by screen readers.
let timer;

export function toast(words) {
  const box = document.querySelector(".toast");
  if (!box) return;
  box.textContent = words;
  box.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (box.hidden = true), 4000);
}
