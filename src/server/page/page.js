// Adds the lines of a log to its page while its step goes on. Without this script a link reloads the page.
"use strict";
(() => {
  const MOST = 20000;
  const lines = document.getElementById("lines");
  const state = document.getElementById("state");
  if (!lines || !lines.dataset.follow) return;
  const say = (text) => { state.firstChild.textContent = text + " "; };
  const span = (name, text) => {
    const made = document.createElement("span");
    made.className = name;
    made.textContent = text;
    return made;
  };
  const row = ({ time, kind, runs }) => {
    const made = span("row " + kind, "");
    made.append(span("time", time), " ", ...runs.map((run) => span(run.class, run.text)), "\n");
    return made;
  };
  const source = new EventSource(lines.dataset.follow);
  source.onopen = () => say("The step goes on; new lines appear here.");
  source.onerror = () => {
    const isOver = source.readyState === EventSource.CLOSED;
    say(isOver ? "No more lines come here; reload the page." : "The server does not answer; this tries again.");
  };
  source.addEventListener("rows", (message) => {
    const follows = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 40;
    lines.append(...JSON.parse(message.data).map(row));
    while (lines.childElementCount > MOST) lines.firstElementChild.remove();
    if (follows) lines.scrollTop = lines.scrollHeight;
  });
  source.addEventListener("end", () => {
    source.close();
    say("This step ended; reload the page for how it went on.");
  });
  lines.scrollTop = lines.scrollHeight;
})();
