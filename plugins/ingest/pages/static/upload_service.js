// The calls of the service that the upload form uses: preflight, and resumable uploads by tus-js-client. Used by upload.js.

// About an hour without progress; every byte that arrives starts again with the first delay.
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10000, 20000, ...Array(120).fill(30000)];
// Statuses below 500 after which the same request can succeed later: another writer, too many uploads, damaged bytes.
const MAY_PASS = [409, 423, 429, 460];
const IS_GONE = [404, 410];
const LOGIN_ENDED = "Your login has ended. Reload this page and choose the same files: the upload then continues.";
const JOB = /<\/jobs\/(\d+)>; *rel="related"/;

// Browsers send a password unasked only below the folder of an address that required it, and that of this one is the root.
export async function sendLoginEverywhere(root) {
  await fetch(root, { method: "HEAD", redirect: "manual" }).catch(() => undefined);
}

// Throws an error with all faults that the service would find in a document, before anything is sent.
export async function checkMetadata(address, document) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(address, { method: "POST", headers, body: document }).catch(() => undefined);
  // A service that is unavailable now may be available for the upload.
  if (answer === undefined || answer.ok || answer.status >= 500) return;
  const { message, faults = [] } = await answer.json();
  throw Object.assign(new Error(answer.status === 401 ? LOGIN_ENDED : message), {
    faults: faults.map(({ text }) => text),
  });
}

// Returns an upload of tus-js-client that continues an earlier one of the same fingerprint.
// `shown` has the functions `progress(sent)`, `waiting(error)`, `failed(error)` and `done(jobId)`, whose
// argument is undefined if a proxy has removed the header that names the job.
export async function openUpload(tar, fingerprint, endpoint, shown) {
  const upload = new tus.Upload(tar, {
    endpoint,
    retryDelays: RETRY_DELAYS,
    removeFingerprintOnSuccess: true,
    fingerprint: () => Promise.resolve(`pacifica-ingest-${fingerprint}`),
    onAfterResponse: keepAddress,
    onShouldRetry: (error) => {
      const again = mayPass(error);
      if (again) shown.waiting(error);
      return again;
    },
    onProgress: shown.progress,
    onSuccess: ({ lastResponse }) => shown.done(JOB.exec(lastResponse.getHeader("Link"))?.[1]),
    onError: shown.failed,
  });
  const [previous] = await upload.findPreviousUploads();
  if (previous) upload.resumeFromPreviousUpload(previous);
  return upload;
}

// Returns the sentence of the answer that an error of tus-js-client is about; undefined if there was no answer.
export function answerText(error) {
  const answer = answerOf(error);
  if (answer === undefined) return undefined;
  if (answer.getStatus() === 401) return LOGIN_ENDED;
  try {
    return JSON.parse(answer.getBody()).message;
  } catch {
    return `The service answers with the status ${answer.getStatus()}`;
  }
}

function answerOf(error) {
  return error.originalResponse ?? error.causingError?.answer;
}

// After any error of HEAD, tus-js-client begins a new upload; it may do so only if the old one no longer exists.
function keepAddress(request, answer) {
  const status = answer.getStatus();
  if (request.getMethod() === "HEAD" && status >= 400 && !IS_GONE.includes(status)) {
    throw Object.assign(new Error(`status ${status}`), { answer });
  }
}

function mayPass(error) {
  const status = answerOf(error)?.getStatus() ?? 0;
  return status === 0 || status >= 500 || MAY_PASS.includes(status);
}
