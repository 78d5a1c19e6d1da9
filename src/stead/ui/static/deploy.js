// The forms that deploy an app and change one: shows what applies, and the same as a command.
const HIDDEN = "…";

function value(form, name) {
  const fields = [...form.elements].filter((one) => one.name === name && one.type !== "hidden");
  const [first] = fields;
  if (!first) return "";
  if (first.type === "radio") return fields.find((one) => one.checked)?.value ?? "";
  if (first.type === "checkbox") return String(first.checked);
  return first.value;
}

function quote(word) {
  return /^[\w@%+=:,./…-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function applyConditions(form) {
  for (const part of form.querySelectorAll("[data-shown-if]")) {
    const other = form.querySelector(`[data-input][name="${CSS.escape(part.dataset.shownIf)}"]`);
    const applies = !other?.closest("[hidden]") && value(form, part.dataset.shownIf) === part.dataset.shownIs;
    part.hidden = !applies;
    for (const field of part.querySelectorAll("input, select")) field.disabled = !applies;
  }
}

function command(form) {
  const { change, version, deploy } = form.dataset;
  const words = change ? ["stead", "change", change] : ["stead", "deploy", deploy];
  if (version) words.push("--to-version", version);
  const name = value(form, "name").trim();
  if (name) words.push("--name", name);
  const project = value(form, "project");
  if (project) words.push("--project", project);
  const size = value(form, "size");
  if (size && size !== form.querySelector("[data-size]").dataset.default) words.push("--size", size);
  if (value(form, "keep") === "true") words.push("--keep");
  for (const field of form.querySelectorAll("[data-input]:not(:disabled)")) {
    const given = value(form, field.name);
    const before = field.dataset.default || (field.type === "checkbox" ? "false" : "");
    if (given === before) continue;
    words.push("--set", `${field.dataset.input}=${field.type === "password" ? HIDDEN : given}`);
  }
  return words.map(quote).join(" ");
}

export function startDeployForm() {
  const form = document.querySelector("form[data-deploy], form[data-change]");
  if (!form) return;
  const line = document.getElementById("command");
  const update = () => {
    applyConditions(form);
    line.textContent = command(form);
    line.parentElement.querySelector("[data-copy]").dataset.copy = line.textContent;
    for (const mirror of document.querySelectorAll("[data-mirror]")) {
      mirror.textContent = value(form, mirror.dataset.mirror).trim() || form.dataset.deploy;
    }
  };
  form.addEventListener("input", update);
  update();
}
