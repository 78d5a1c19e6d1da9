// Node-RED's settings; what this installation decides lies beside the flows, readable by it alone.
const { readFileSync } = require("fs");
const chosen = JSON.parse(readFileSync("/etc/node-red/stead.json", "utf8"));

module.exports = {
  uiHost: "0.0.0.0",
  uiPort: 1880,
  userDir: "/var/lib/node-red",
  flowFile: "flows.json",
  credentialSecret: readFileSync("/var/lib/node-red/.stead-secret", "utf8").trim(),
  adminAuth: {
    type: "credentials",
    users: [chosen.user],
  },
  editorTheme: {
    page: { title: chosen.title },
    header: { title: chosen.title },
    tours: false,
    projects: { enabled: false },
  },
  telemetry: { enabled: false, updateNotification: false },
  diagnostics: { enabled: true, ui: true },
  runtimeState: { enabled: false, ui: false },
  logging: { console: { level: "info", metrics: false, audit: false } },
  functionExternalModules: false,
  exportGlobalContextKeys: false,
};
