// The box in the head of the table selects all jobs of the page.
(() => {
  "use strict";
  document.addEventListener("change", (event) => {
    if (event.target.id !== "select-all") return;
    for (const box of document.querySelectorAll('input[name="job"]')) box.checked = event.target.checked;
  });
})();
