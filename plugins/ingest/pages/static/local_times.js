// Show each time in the reader's zone; the title keeps it in UTC.
(() => {
  "use strict";
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  window.showLocalTimes = (root) => {
    for (const element of root.querySelectorAll("time[datetime]")) {
      element.textContent = format.format(new Date(element.getAttribute("datetime")));
    }
  };
  window.showLocalTimes(document);
})();
