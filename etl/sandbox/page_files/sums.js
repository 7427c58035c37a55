// What all events together ask of a person (refusals by reason, custom fields to create), and how they are taken along.

function showSums(stats) {
  fill("refusals", stats.refusals, refusalItem, `Reasons of refusals: ${number.format(stats.refusals.length)}`);
  fill("customs", stats.custom_fields, customItem, `Custom fields to create: ${number.format(stats.custom_fields.length)}`);
}

function fill(name, items, itemFor, title) {
  byId(name).hidden = items.length === 0;
  byId(`${name}-title`).textContent = title;
  const list = byId(`${name}-list`);
  const there = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const fresh = items.map((each) => {
    const key = JSON.stringify([each.code, each.field, each.name]);
    const item = there.get(key) || itemFor(each); // what is there stays, and keeps the focus
    item.dataset.key = key;
    item.querySelector(".count").textContent = number.format(each.count);
    if (each.type) item.querySelector(".type").textContent = each.type;
    return item;
  });
  if (fresh.length !== there.size || fresh.some((item, at) => list.children[at] !== item)) {
    const focused = document.activeElement;
    list.replaceChildren(...fresh);
    if (list.contains(focused)) focused.focus();
  }
}

function refusalItem(refusal) {
  const item = make("li");
  const reason = `${refusal.code} ${refusal.field}`.trim();
  const button = make("button", "reason", reason);
  button.type = "button";
  button.title = "Show these events only";
  button.dataset.reason = reason;
  item.append(make("span", "count"), button, make("span", "", refusal.message));
  return item;
}

function customItem(field) {
  const item = make("li");
  item.append(make("code", "", field.name), make("span", "type"), make("span", "count"));
  return item;
}

function customsAsText() {
  return [...byId("customs-list").children]
    .map((item) => `${item.querySelector("code").textContent}\t${item.querySelector(".type").textContent}\n`)
    .join("");
}

function chooseOutcome(outcome, reason = "") {
  state.outcome = outcome;
  state.reason = reason;
  document.querySelector(`[name="outcome"][value="${outcome}"]`).checked = true;
  byId("filter-reason").hidden = !reason;
  byId("filter-reason").textContent = `${reason} ×`;
  byId("filter-reason").setAttribute("aria-label", `Show all reasons, not only ${reason}`);
}

function offerDownloads(what, parameters) {
  for (const kind of ["json", "csv"]) byId(`${what}-${kind}`).href = `/sandbox/download/events.${kind}?${parameters}`;
}

async function copy(button, text) {
  const words = button.textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = words; }, 1500);
}

byId("refusals-list").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  chooseOutcome("refused", button.dataset.reason);
  startOver();
});
byId("filter-reason").addEventListener("click", () => {
  chooseOutcome(state.outcome);
  startOver();
});
byId("copy-customs").addEventListener("click", () => copy(byId("copy-customs"), customsAsText()));
byId("copy-list").addEventListener("click", async () => {
  copy(byId("copy-list"), await (await fetch(byId("list-json").href)).text());
});
byId("copy").addEventListener("click", () => copy(byId("copy"), byId("raw").textContent));
