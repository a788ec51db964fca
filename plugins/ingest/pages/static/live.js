// Live updates: an element <section id="live" data-refresh="2"> is fetched again from the page's address every 2 seconds, and
// only what differs is changed. It stops while the tab is hidden, and for good when the new element has no data-refresh.
(() => {
  "use strict";
  const TIMEOUT_SECONDS = 30;
  const SLOWEST_SECONDS = 60;
  let failures = 0;
  let timer = 0;

  const live = () => document.getElementById("live");

  const plan = () => {
    window.clearTimeout(timer);
    const seconds = Number(live()?.dataset.refresh || 0);
    if (seconds > 0) timer = window.setTimeout(refresh, Math.min(seconds * 2 ** failures, SLOWEST_SECONDS) * 1000);
  };

  // What the reader has done to the page and the server does not know: selected jobs, opened details.
  const keepReaderState = (older, newer) => {
    for (const box of older.querySelectorAll("input[type=checkbox][id]")) {
      newer.querySelector(`#${CSS.escape(box.id)}`)?.toggleAttribute("checked", box.checked);
    }
    for (const details of older.querySelectorAll("details[id]")) {
      newer.querySelector(`#${CSS.escape(details.id)}`)?.toggleAttribute("open", details.open);
    }
  };

  const notice = (text) => {
    const place = document.getElementById("live-notice");
    if (place && place.textContent !== text) place.textContent = text;
  };

  const refresh = async () => {
    if (document.hidden) return;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
      const answer = await fetch(window.location.href, { signal, headers: { Accept: "text/html" } });
      const text = await answer.text();
      const newer = new DOMParser().parseFromString(text, "text/html").getElementById("live");
      if (!newer || !answer.ok) {
        notice(answer.status === 401 ? "You are logged out. Log in again and reload the page." : "The page cannot be updated now.");
        failures += 1;
        return;
      }
      window.showLocalTimes(newer);
      keepReaderState(live(), newer);
      Idiomorph.morph(live(), newer, { ignoreActiveValue: true });
      document.dispatchEvent(new Event("live:updated"));
      notice("");
      failures = 0;
    } catch {
      notice("The server does not answer; the page is not up to date.");
      failures += 1;
    } finally {
      plan();
    }
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      window.clearTimeout(timer);
      if (live()?.dataset.refresh) refresh();
    }
  });
  plan();
})();
