// What scripts say, in the language of the page; the page brings it unless it is English.
const words = JSON.parse(document.documentElement.dataset.words || "{}");

export function say(message, values = {}) {
  const said = words[message] ?? message;
  return said.replace(/%\((\w+)\)s/g, (_, name) => values[name] ?? "");
}
