"use strict";
// Live updates: when the server says that what a page shows has changed, its parts are read again and replaced. A part
// in which somebody is working stays as it is. Everything else works without this script.
(() => {
  const address = document.body.dataset.live;
  if (!address || !window.EventSource) return;
  const note = document.querySelector("[data-note]");
  let updating = false;

  const isBusy = (part) =>
    part.contains(document.activeElement) ||
    part.querySelector("details[open]") !== null ||
    (!document.getSelection().isCollapsed && part.contains(document.getSelection().anchorNode));

  const update = async () => {
    if (updating) return;
    updating = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) {
        note.textContent = answer.status === 401 ? "Sign in again to see changes." : "This has changed. Load the page again.";
        return;
      }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-part]")) {
        const next = fresh.getElementById(part.id);
        if (next && next.outerHTML !== part.outerHTML && !isBusy(part)) part.replaceWith(document.adoptNode(next));
      }
      note.textContent = `Updated at ${new Date().toLocaleTimeString()}.`;
    } catch {
      note.textContent = "The server does not answer. The page shows what was there before.";
    } finally {
      updating = false;
    }
  };

  const source = new EventSource(address);
  source.addEventListener("changed", update);
  window.addEventListener("pagehide", () => source.close());
})();
