// Shows events, one event, counts and the chart. Events are untrusted: they only ever become textContent.
const SCREENFUL = 200;
const ANNOUNCE_EVERY_MS = 8000;
const LEAST_BAR = 4;

const byId = (id) => document.getElementById(id);
const rows = byId("rows");
const state = {
  newest: 0, // number of the newest event that was asked for; the next poll asks for what is newer
  paused: false,
  resets: null,
  picked: null,
  seen: false, // the list was filled once
  keep: SCREENFUL, // rows kept in the list; grows with "Show older events"
  outcome: "",
  reason: "", // of refusals: a code, and the field where there is one
  unannounced: { accepted: 0, refused: 0, since: 0 },
};

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

const number = new Intl.NumberFormat("en");
const utc = (date) => `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;

function moment(sent) {
  // The one form of all times here. The receiver reads a time without offset as Central European Time: it keeps its digits.
  if (typeof sent === "string" && /^\d{1,12}$/.test(sent)) return moment(Number(sent));
  if (typeof sent === "string" && !/(Z|[+-]\d\d:?\d\d)$/.test(sent)) return /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d/.test(sent) ? `${sent.replace("T", " ")} CET` : sent;
  const date = new Date(typeof sent === "number" ? sent * 1000 : sent);
  return date.getUTCFullYear() >= 0 && date.getUTCFullYear() <= 9999 ? utc(date) : String(sent);
}

const yesNo = (value) => (value ? "yes" : "no");

// ---- the list

function rowFor(event) {
  const row = make("tr", event.accepted ? "" : "refused");
  row.dataset.id = event.id;
  row.tabIndex = -1;
  row.setAttribute("role", "row"); // said aloud, because a narrow screen lays rows out as a grid
  row.setAttribute("aria-selected", "false");
  const cells = [
    // Without a timestamp an event happened, for the account, when it arrived.
    ["time when", moment(event.time ?? event.created_at), event.time === null ? "no timestamp was sent: the time of arrival" : String(event.time)],
    ["name", event.event || "(no name)", event.event],
    ["identity", event.identity || "(nobody)", event.identity],
    ["created when", moment(event.created_at), event.created_at],
    [`inserted ${yesNo(event.api_inserted)}`, yesNo(event.api_inserted), ""],
    [`verified ${yesNo(event.api_verified)}`, yesNo(event.api_verified), ""],
  ];
  for (const [className, text, title] of cells) {
    const cell = make("td", className, text);
    cell.setAttribute("role", "gridcell");
    if (title) cell.title = title;
    row.append(cell);
  }
  if (!event.accepted) {
    const codes = event.reasons.map((each) => each.code).join(" ");
    row.children[1].append(make("span", "code", codes));
    row.children[1].title = codes;
  }
  return row;
}

function currentRow() {
  return rows.querySelector('[tabindex="0"]') || rows.firstElementChild;
}

function mark(row) {
  for (const marked of rows.querySelectorAll('[tabindex="0"], [aria-selected="true"]')) {
    marked.tabIndex = -1;
    marked.setAttribute("aria-selected", "false");
  }
  if (row) {
    row.tabIndex = 0;
    row.setAttribute("aria-selected", String(Number(row.dataset.id) === state.picked));
  }
}

function query(extra) {
  return `/sandbox/events?${filtered({ limit: SCREENFUL, ...extra })}`;
}

function filtered(extra = {}) {
  const parameters = new URLSearchParams(extra);
  if (byId("filter-event").value) parameters.set("event", byId("filter-event").value);
  if (byId("filter-identity").value.trim()) parameters.set("identity", byId("filter-identity").value.trim());
  if (state.outcome) parameters.set("outcome", state.outcome);
  if (state.reason) parameters.set("reason", state.reason);
  return parameters;
}

function showRows(found, { atEnd = false } = {}) {
  const fresh = document.createDocumentFragment();
  for (const event of found.events) fresh.append(rowFor(event));
  if (atEnd) {
    rows.append(fresh);
  } else {
    if (found.more) rows.replaceChildren(); // more arrived than fits: what was here is older than the gap
    rows.prepend(fresh);
    while (rows.children.length > state.keep && !rows.lastElementChild.contains(document.activeElement)) {
      rows.lastElementChild.remove();
    }
  }
  const picked = rows.querySelector(`[data-id="${state.picked}"]`);
  if (picked && !state.seen) picked.scrollIntoView({ block: "center" });
  state.seen = true;
  if (!currentRow()?.matches('[tabindex="0"]') || picked) mark(picked || rows.firstElementChild);
  if (found.more || rows.children.length >= state.keep) byId("older").hidden = false;
  if (atEnd) byId("older").hidden = !found.more;
  const any = rows.children.length > 0;
  const narrowed = filtered().size > 0;
  byId("empty").hidden = any;
  byId("empty-help").hidden = narrowed;
  byId("empty-title").textContent = narrowed ? "No event matches the filter" : "Waiting for the first event";
  byId("take").hidden = !any;
  offerDownloads("list", filtered());
  byId("shown").textContent = any
    ? `${number.format(rows.children.length)} of ${number.format(Math.max(found.matching, rows.children.length))}, newest first`
    : "";
}

function startOver() {
  rows.replaceChildren();
  state.newest = 0;
  state.keep = SCREENFUL;
  byId("older").hidden = true;
  rememberInAddress();
  poll({ force: true });
}

// ---- the picked event

async function pick(id) {
  state.picked = id;
  mark(rows.querySelector(`[data-id="${id}"]`) || currentRow());
  rememberInAddress();
  const answer = await fetch(`/sandbox/events/${id}`);
  if (state.picked !== id) return;
  const event = await answer.json();
  if (!answer.ok) {
    byId("detail-some").hidden = true;
    byId("detail-none").hidden = false;
    byId("detail-none").firstElementChild.textContent = `Event ${id} is gone: only the newest are kept.`;
    return;
  }
  byId("detail-none").hidden = true;
  byId("detail-some").hidden = false;
  byId("detail-title").textContent = `${event.event || "(no name)"} #${event.id}`;
  byId("detail-outcome").textContent = event.accepted ? "Accepted" : "Refused";
  byId("detail-outcome").className = event.accepted ? "badge" : "badge refused";
  byId("fact-identity").textContent = event.identity || "(nobody)";
  byId("fact-time").textContent = event.time === null ? "none of its own" : moment(event.time);
  byId("fact-created_at").textContent = moment(event.created_at);
  byId("fact-api_inserted").textContent = yesNo(event.api_inserted);
  byId("fact-api_verified").textContent = yesNo(event.api_verified);
  byId("reasons").hidden = event.accepted;
  byId("reasons-list").replaceChildren(...event.reasons.map(reasonItem));
  byId("fields").replaceChildren(...event.fields.map((field) => fieldRow(field, event.reasons)));
  byId("raw").textContent = event.raw;
  offerDownloads("event", new URLSearchParams({ id: event.id }));
  byId("detail").scrollTop = 0;
}

function reasonItem(reason) {
  const item = make("li");
  item.append(make("code", "", reason.code), ` ${reason.field ? `${reason.field}: ` : ""}${reason.message}`);
  return item;
}

function fieldRow(field, reasons) {
  const why = reasons.filter((reason) => reason.field === field.name);
  const row = make("tr", why.length ? "guilty" : field.known ? "" : "unknown");
  const name = make("th", "field", field.label);
  name.scope = "row";
  const cell = make("td");
  cell.append(make("div", "value", field.value));
  for (const reason of why) cell.append(make("div", "why", reason.message));
  const rule = make("div", "rule", field.rule);
  if (field.type) rule.prepend(make("b", "", field.type), " · ");
  if (field.needed_for) rule.append(` · needed for ${field.needed_for}`);
  rule.title = { doc: "From the vendor’s documentation", code: "Read in the vendor’s connector", open: "Not published" }[field.sure] || "";
  cell.append(rule);
  row.append(name, cell);
  return row;
}

function closeDetail() {
  byId("detail").removeAttribute("data-open");
  currentRow()?.focus();
}

// ---- counts and chart

function showStats(stats) {
  for (const name of ["accepted", "refused", "distinct_identities", "duplicates", "requests"]) {
    byId(`count-${name}`).textContent = number.format(stats[name]);
  }
  byId("count-refused").parentElement.toggleAttribute("data-some", stats.refused > 0);
  byId("rehearsing").hidden = stats.rehearsing.length === 0;
  byId("rehearsing").textContent = `Rehearsing trouble: ${stats.rehearsing.join(", ")}`;
  drawChart(stats.accepted_per_second, stats.refused_per_second);
  stats.names.forEach(offerName);
  showSums(stats);
}

function offerName(name) {
  const select = byId("filter-event");
  if ([...select.options].some((option) => option.value === name)) return;
  const option = make("option", "", name);
  option.value = name;
  select.append(option);
}

function drawChart(accepted, refused) {
  const most = Math.max(1, ...accepted.map((count, at) => count + refused[at]));
  const height = 68;
  const bars = [bar("floor", 0, 71, 600, 1)];
  accepted.forEach((count, at) => {
    const bad = refused[at] && Math.max(LEAST_BAR, (refused[at] / most) * height); // one among many can be seen
    const good = count && Math.max(LEAST_BAR, Math.min(height - bad, (count / most) * height));
    if (good) bars.push(bar("taken", at * 10 + 1, 71 - good, 8, good));
    if (bad) bars.push(bar("refused", at * 10 + 1, 71 - good - bad, 8, bad));
  });
  byId("chart").replaceChildren(...bars);
  const last = accepted[accepted.length - 2] + refused[refused.length - 2]; // the current second is not over
  const peak = Math.max(...accepted.map((count, at) => count + refused[at]));
  const words = `now ${number.format(last)}, most ${number.format(peak)}`;
  byId("chart-words").textContent = words;
  byId("chart").setAttribute("aria-label", `Events a second over the last minute: ${words}`);
}

function bar(className, x, y, width, height) {
  const rectangle = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ class: className, x, y, width, height })) rectangle.setAttribute(name, value);
  return rectangle;
}

function announce(stats, before) {
  // A screen reader hears a sum now and then, not each event.
  const waiting = state.unannounced;
  if (before) {
    waiting.accepted += Math.max(0, stats.accepted - before.accepted);
    waiting.refused += Math.max(0, stats.refused - before.refused);
  }
  if (Date.now() - waiting.since < ANNOUNCE_EVERY_MS || waiting.accepted + waiting.refused === 0) return;
  byId("announce").textContent =
    `${number.format(waiting.accepted)} new events accepted, ${number.format(waiting.refused)} refused`;
  state.unannounced = { accepted: 0, refused: 0, since: Date.now() };
}
