// Switches between light and dark; the server reads the cookie, so no page ever flashes.
const YEAR = 365 * 24 * 3600;

export function startTheme() {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const chosen = document.documentElement.dataset.theme;
      const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
      const next = (chosen ?? system) === "dark" ? "light" : "dark";
      if (next === system) {
        delete document.documentElement.dataset.theme;
        document.cookie = "stead-theme=; Path=/; Max-Age=0; Secure; SameSite=Lax";
      } else {
        document.documentElement.dataset.theme = next;
        document.cookie = `stead-theme=${next}; Path=/; Max-Age=${YEAR}; Secure; SameSite=Lax`;
      }
    });
  }
}
