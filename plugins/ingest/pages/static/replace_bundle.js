// Sends a bundle as the body of one request, so that neither the browser nor the server holds it in memory.
(() => {
  "use strict";
  const form = document.getElementById("replace-bundle");
  if (!form) return;
  const [progress, alert] = [form.querySelector(".bundle-progress"), form.querySelector("[role=alert]")];
  const [bar, text] = progress.children;

  const fail = (sentence) => {
    progress.hidden = true;
    alert.textContent = sentence;
    form.querySelector("button").disabled = false;
  };

  // The server answers errors with a page.
  const sentenceOf = (request) => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    return page.querySelector(".message")?.textContent || `The server answered with the status ${request.status}.`;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    let hasSent = false;
    request.open("POST", form.getAttribute("action"));
    request.setRequestHeader("Content-Type", "application/x-tar");
    request.setRequestHeader("Accept", "text/html");
    request.setRequestHeader("X-CSRF-Token", form.dataset.token);
    request.upload.onprogress = ({ loaded, total }) => {
      bar.value = (100 * loaded) / total;
      hasSent = loaded === total;
      text.textContent = loaded < total ? `${Math.floor(bar.value)} % sent` : "Sent; the job is being started.";
    };
    request.onload = () => {
      if (request.status < 300) window.location.href = form.dataset.job;
      else fail(sentenceOf(request));
    };
    // The server may have received the whole bundle, and only its answer is lost.
    request.onerror = () =>
      fail(
        hasSent
          ? "The connection broke before the answer arrived. The page of the job says whether the bundle was replaced."
          : "The connection broke. Nothing was replaced; send the bundle again.",
      );
    alert.textContent = "";
    progress.hidden = false;
    form.querySelector("button").disabled = true;
    request.send(form.elements.bundle.files[0]);
  });
})();
