// Asks the sandbox once a second what is new, and does what a person asks for by mouse, keyboard or address.
const POLL_MS = 1000;

// ---- polling

let polling = false;
let askAgain = false; // the filter changed while an answer was on its way
let lastStats = null;

async function poll({ force = false } = {}) {
  if (polling) askAgain ||= force;
  if (polling || (document.hidden && lastStats) || (state.paused && !force)) return;
  polling = true;
  try {
    const asked = query({ after: state.newest });
    const [statsAnswer, eventsAnswer] = await Promise.all([fetch("/sandbox/stats"), fetch(asked)]);
    const stats = await statsAnswer.json();
    const found = await eventsAnswer.json();
    if (state.resets !== null && stats.resets !== state.resets) rows.replaceChildren();
    state.resets = stats.resets;
    showStats(stats);
    if (asked === query({ after: state.newest })) {
      if (found.events.length) state.newest = found.events[0].id;
      showRows(found);
    }
    announce(stats, lastStats);
    lastStats = stats;
    contact(state.paused ? "paused" : "live");
  } catch {
    contact("lost");
  } finally {
    polling = false;
  }
  if (askAgain) {
    askAgain = false;
    await poll({ force: true });
  }
}

function contact(what) {
  if (byId("contact").dataset.state === what) return;
  byId("contact").dataset.state = what;
  byId("contact-words").textContent = { live: "Live", paused: "Paused", lost: "No answer from the sandbox" }[what];
}

// ---- what a person does

function rememberInAddress() {
  const parts = new URLSearchParams();
  if (state.picked) parts.set("id", state.picked);
  for (const name of ["event", "identity"]) {
    if (byId(`filter-${name}`).value) parts.set(name, byId(`filter-${name}`).value);
  }
  if (state.outcome) parts.set("outcome", state.outcome);
  if (state.reason) parts.set("reason", state.reason);
  history.replaceState(null, "", parts.size ? `#${parts}` : location.pathname);
}

function recallFromAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const event = parts.get("event") || "";
  offerName(event);
  byId("filter-event").value = event;
  byId("filter-identity").value = parts.get("identity") || "";
  const outcome = parts.get("outcome") || "";
  if (["", "accepted", "refused"].includes(outcome)) chooseOutcome(outcome, parts.get("reason") || "");
  const id = Number(parts.get("id"));
  if (Number.isInteger(id) && id > 0) pick(id);
}

function pause() {
  state.paused = !state.paused;
  byId("pause").setAttribute("aria-pressed", String(state.paused));
  contact(state.paused ? "paused" : "live");
  poll();
}

function theme(next) {
  const themes = ["auto", "light", "dark"];
  let current = "auto";
  try { current = localStorage.getItem("theme") || "auto"; } catch { /* storage may be switched off */ }
  if (!themes.includes(current)) current = "auto";
  if (next) current = themes[(themes.indexOf(current) + 1) % themes.length];
  try { localStorage.setItem("theme", current); } catch { /* as above */ }
  document.documentElement.dataset.theme = current;
  byId("theme").textContent = `Theme: ${current}`;
}

function moveTo(row) {
  if (!row) return;
  pick(Number(row.dataset.id));
  row.focus();
}

rows.addEventListener("click", (event) => {
  const row = event.target.closest("tr");
  if (!row) return;
  pick(Number(row.dataset.id));
  row.focus();
  byId("detail").setAttribute("data-open", "");
  if (getComputedStyle(byId("detail")).position === "fixed") byId("detail").focus(); // it lies over the list
});

rows.addEventListener("keydown", (event) => {
  const row = event.target.closest("tr");
  const all = [...rows.children];
  const at = all.indexOf(row);
  const targets = {
    ArrowDown: all[at + 1], ArrowUp: all[at - 1], Home: all[0], End: all[all.length - 1],
    PageDown: all[Math.min(at + 10, all.length - 1)], PageUp: all[Math.max(at - 10, 0)],
  };
  if (event.key in targets) {
    event.preventDefault();
    moveTo(targets[event.key]);
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    pick(Number(row.dataset.id));
    byId("detail").setAttribute("data-open", "");
    byId("detail").focus();
  }
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (typing) typing.blur();
    closeDetail();
  } else if (!typing && event.key === "/") {
    event.preventDefault();
    byId("filter-identity").focus();
  } else if (!typing && event.key.toLowerCase() === "p") {
    pause();
  }
});

byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filter-event").addEventListener("change", startOver);
byId("filter-identity").addEventListener("input", startOver);
for (const radio of document.getElementsByName("outcome")) {
  radio.addEventListener("change", () => {
    chooseOutcome(radio.value);
    startOver();
  });
}
byId("pause").addEventListener("click", pause);
byId("theme").addEventListener("click", () => theme(true));
byId("back").addEventListener("click", closeDetail);
byId("older").addEventListener("click", async () => {
  const oldest = rows.lastElementChild?.dataset.id;
  if (!oldest) return;
  state.keep += SCREENFUL;
  showRows(await (await fetch(query({ before: oldest }))).json(), { atEnd: true });
});
byId("reset").addEventListener("click", async () => {
  await fetch("/sandbox/reset", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  state.picked = null;
  byId("detail-some").hidden = true;
  byId("detail-none").hidden = false;
  startOver();
});

byId("empty-mapping").textContent =
  `destination:\n  url: ${location.origin}\n  account: sandbox\n  api_key: sandbox`;
theme(false);
recallFromAddress();
addEventListener("hashchange", () => {
  recallFromAddress();
  startOver();
});
poll();
setInterval(poll, POLL_MS);
