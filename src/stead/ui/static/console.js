// Entry of every page: small enhancements; all pages work without any of them.
import { startCopying } from "./copy.js";
import { startDialogs } from "./dialogs.js";
import { startFilter } from "./filter.js";
import { startForms } from "./forms.js";
import { startDeployForm } from "./deploy.js";
import { startOperation } from "./operation.js";
import { startRefreshing } from "./live.js";
import { startTheme } from "./theme.js";
import { startTimes } from "./times.js";
import { startTurning } from "./turn.js";

startTheme();
startTimes();
startCopying();
startDialogs();
startForms();
startFilter();
startDeployForm();
startOperation();
startRefreshing();
startTurning();
