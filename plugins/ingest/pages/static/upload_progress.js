// Shows how far an upload is, and why it ended. Used by upload.js.

import { inUnits } from "./units.js";

const form = document.getElementById("upload-form");
export const part = (name) => document.getElementById(`upload-${name}`);

// Replaces the form by the progress.
export function showProgress() {
  form.hidden = true;
  part("error").hidden = true;
  part("buttons").hidden = true;
  part("progress").hidden = false;
}

// Shows what is being done; the bar stays as it is without `done` and `total`.
export function showStatus(status, done, total) {
  if (part("status").textContent !== status) part("status").textContent = status;
  if (total === undefined) return;
  part("bar").max = total || 1;
  part("bar").value = done;
  part("numbers").textContent = `${inUnits(done)} of ${inUnits(total)}`;
}

// Replaces the progress by the form, with an error above it.
export function showError(message, faults) {
  part("progress").hidden = true;
  form.hidden = false;
  const list = element("ul");
  list.append(...faults.map((fault) => element("li", fault)));
  part("error").replaceChildren(element("p", message), list);
  part("error").hidden = false;
  part("error").focus();
}

function element(name, textContent = "") {
  return Object.assign(document.createElement(name), { textContent });
}
