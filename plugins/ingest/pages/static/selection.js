// The selection of jobs. The box in the head of the table selects all jobs of the page. A job that leaves a filtered list for
// a moment, because its next attempt runs, is still selected when it returns.
(() => {
  "use strict";
  const selected = new Set();
  const boxes = () => document.querySelectorAll('input[name="job"]');
  const remember = (box) => (box.checked ? selected.add(box.value) : selected.delete(box.value));

  document.addEventListener("change", (event) => {
    if (event.target.id === "select-all") {
      for (const box of boxes()) {
        box.checked = event.target.checked;
        remember(box);
      }
    } else if (event.target.name === "job") {
      remember(event.target);
    }
  });
  document.addEventListener("live:updated", () => {
    for (const box of boxes()) box.checked = selected.has(box.value);
  });
  // Those that the browser has restored.
  for (const box of boxes()) remember(box);
})();
