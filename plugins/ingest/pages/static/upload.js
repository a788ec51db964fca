// The upload form: makes a bundle of the chosen files, or takes one that is already made, checks its metadata, sends it, and
// opens the page of its job.

import { makeBundle } from "./bundle.js";
import { filesOf, filesOfDrop, firstUnreadable, listed } from "./chosen_files.js";
import { addPair, transactionEntries } from "./metadata_fields.js";
import { findMetadata } from "./tar_metadata.js";
import { Rate, inUnits } from "./units.js";
import { part, showError, showProgress, showStatus } from "./upload_progress.js";
import { answerText, checkMetadata, openUpload, sendLoginEverywhere } from "./upload_service.js";

const form = document.getElementById("upload-form");
const addresses = Object.fromEntries(
  Object.entries(form.dataset).map(([name, address]) => [name, new URL(address, location.href).href]),
);

let chosen = [];
let upload;
let isPaused = false;

const sizeOf = (files) => files.reduce((total, { file }) => total + file.size, 0);
const isTar = () => form.elements.kind.value === "tar";

function choose(files) {
  chosen = listed(files);
  const count = chosen.length === 1 ? "1 file" : `${chosen.length.toLocaleString()} files`;
  part("chosen").textContent = chosen.length === 0 ? "Nothing is chosen." : `${count}, ${inUnits(sizeOf(chosen))}`;
}

function showFields() {
  for (const [name, isUsed] of [
    ["files", !isTar()],
    ["metadata", !isTar()],
    ["tar", isTar()],
  ]) {
    part(name).hidden = !isUsed;
    part(name).disabled = !isUsed;
  }
}

async function begin(event) {
  event.preventDefault();
  showProgress();
  try {
    await sendLoginEverywhere(addresses.root);
    await send(await (isTar() ? checkedTar() : makeCheckedBundle()));
  } catch (error) {
    await fail(error);
  }
}

async function checkedTar() {
  const [tar] = form.elements.bundle.files;
  showStatus("Checking the metadata");
  const metadata = await findMetadata(tar);
  if (metadata) await checkMetadata(addresses.preflight, metadata);
  return { tar, fingerprint: [tar.name, tar.size, tar.lastModified].join("-"), files: [{ path: tar.name, file: tar }] };
}

async function makeCheckedBundle() {
  if (chosen.length === 0) throw new Error("Choose at least one file.");
  const total = sizeOf(chosen);
  let done = 0;
  const hashed = (bytes) => showStatus("Hashing the files", (done += bytes), total);
  hashed(0);
  const made = await makeBundle(chosen, transactionEntries(form), hashed);
  showStatus("Checking the metadata");
  await checkMetadata(addresses.preflight, made.metadata);
  return { ...made, files: chosen };
}

async function send({ tar, fingerprint, files }) {
  const rate = new Rate();
  isPaused = false;
  upload = await openUpload(tar, fingerprint, addresses.uploads, {
    progress: (sent) => showStatus(`Sending${rate.text(sent, tar.size)}`, sent, tar.size),
    waiting: (error) => waitAfter(error, files),
    done: (job) => leave(job === undefined ? addresses.jobs : `${addresses.jobs}/${job}`),
    failed: fail,
  });
  part("pause").textContent = "Pause";
  part("buttons").hidden = false;
  upload.start();
}

async function waitAfter(error, files) {
  showStatus(`${answerText(error) ?? "The connection is interrupted"}. The upload continues by itself.`);
  // A browser does not say that it cannot send a file because it was changed.
  const path = await firstUnreadable(files);
  if (path !== undefined) await fail(new Error(`${path} was changed or removed. Choose the files again.`));
}

async function fail(error) {
  await upload?.abort();
  upload = undefined;
  showError(answerText(error) ?? error.message, error.faults ?? []);
}

function pause() {
  isPaused = !isPaused;
  part("pause").textContent = isPaused ? "Continue" : "Pause";
  if (isPaused) {
    upload.abort();
    showStatus("Paused. To continue later, open this page again and choose the same files.");
  } else {
    upload.start();
  }
}

async function cancel() {
  await upload.abort(true).catch(() => undefined);
  leave(location.href);
}

function leave(address) {
  upload = undefined;
  location.assign(address);
}

form.addEventListener("submit", begin);
form.addEventListener("change", showFields);
for (const name of ["files", "folder"]) {
  form.elements[name].addEventListener("change", (event) => choose(filesOf(event.target)));
}
part("add").addEventListener("click", addPair);
part("pause").addEventListener("click", pause);
part("cancel").addEventListener("click", cancel);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  if (form.hidden) return;
  form.elements.kind.value = "files";
  showFields();
  choose(await filesOfDrop(event.dataTransfer));
});
window.addEventListener("beforeunload", (event) => {
  if (upload && !isPaused) event.preventDefault();
});
showFields();
part("without-script").hidden = true;
form.hidden = false;
