// Inside a frame of Airflow: follow the theme of Airflow's UI. Runs before the page is drawn.
(() => {
  "use strict";
  const outer = window.parent === window ? null : window.parent.document.documentElement;
  if (!outer) return;
  const follow = () => {
    document.documentElement.dataset.theme = outer.classList.contains("dark") ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(outer, { attributeFilter: ["class"] });
})();
