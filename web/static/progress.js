"use strict";
// What did not change is not shown again, and what did is said to who cannot see it: not too often.
const progress = document.getElementById("progress");
if (progress) {
  const said = document.getElementById("said");
  let last = "", saidAt = 0;
  progress.addEventListener("htmx:beforeSwap", (event) => {
    const text = event.detail.xhr.responseText;
    if (text === last) { event.detail.shouldSwap = false; }
    last = text;
  });
  progress.addEventListener("htmx:afterSwap", () => {
    const words = [...progress.querySelectorAll("h2, h2 + p")].map((element) => element.innerText);
    const heading = words[0] || "", now = Date.now();
    if (said.textContent.startsWith(heading) && now - saidAt < 3000) { return; }
    if (said.textContent !== words.join(". ")) { said.textContent = words.join(". "); saidAt = now; }
  });
}
