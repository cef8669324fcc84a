// The console: what the server tells at /v1/status and /v1/topics, polled, and one topic's changes as
// they come. It only reads. Everything that a server says is text here, never markup.
const seconds = 120;
const shownRows = 200;
const $ = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function short(number) {
  for (const [limit, unit] of [[1e9, " G"], [1e6, " M"], [1e4, " K"]]) {
    if (Math.abs(number) >= limit) return (number / (unit === " K" ? 1e3 : limit)).toPrecision(3) + unit;
  }
  return Number.isInteger(number) ? String(number) : number.toFixed(1);
}

function bytes(number) {
  for (const [limit, unit] of [[2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"]]) {
    if (number >= limit) return (number / limit).toFixed(1) + unit;
  }
  return number + " B";
}

async function read(path) {
  const answer = await fetch(path, { cache: "no-store" });
  const body = await answer.json();
  if (!answer.ok) throw new Error(
    body.error ? [`${body.error.code}: ${body.error.message}`, body.error.advice].filter(Boolean).join("; ")
      : answer.statusText);
  return body;
}

// MARK: Rates

const charts = [
  { title: "writes/s", of: "writes", rate: true, show: short },
  { title: "net changes/s", of: "net_changes", rate: true, show: short },
  { title: "notifications/s", of: "notifications", rate: true, show: short },
  { title: "log bytes/s", of: "log_bytes", rate: true, show: bytes },
  { title: "connections", of: "connections", show: short },
  { title: "memory", of: "memory_bytes", show: bytes },
];

for (const chart of charts) {
  const figure = element("figure");
  const caption = element("figcaption", chart.title);
  chart.figure = element("b", "–");
  chart.canvas = element("canvas");
  chart.points = [];
  caption.append(chart.figure);
  figure.append(caption, chart.canvas);
  $("charts").append(figure);
}

function draw(chart) {
  const { canvas, points } = chart;
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const most = Math.max(1, ...points);
  pen.strokeStyle = getComputedStyle(document.querySelector("h1")).color;
  pen.lineWidth = 1.5;
  pen.beginPath();
  points.forEach((point, place) => {
    const x = width - (points.length - 1 - place) * (width / (seconds - 1));
    const y = height - 2 - (point / most) * (height - 4);
    if (place === 0) pen.moveTo(x, y); else pen.lineTo(x, y);
  });
  pen.stroke();
}

let before;
async function pollStatus() {
  const status = await read("/v1/status");
  const now = performance.now();
  for (const chart of charts) {
    const value = status[chart.of] ?? 0;
    if (chart.rate && !before) continue;
    const point = chart.rate
      ? Math.max(0, (value - (before.status[chart.of] ?? 0)) / ((now - before.now) / 1000)) : value;
    chart.points.push(point);
    if (chart.points.length > seconds) chart.points.shift();
    chart.figure.textContent = chart.show(Math.round(point * 10) / 10);
    draw(chart);
  }
  before = { status, now };
  const role = status.leads ? (status.term ? "leads its cluster" : "stands alone") : "follows";
  tell(`${location.host} ${role}; subscriptions: ${status.subscriptions}`);
}

function tell(text, isBad = false) {
  $("server").textContent = text;
  $("server").className = isBad ? "bad" : "";
}

// MARK: Topics

let known = new Map();
async function pollTopics() {
  const { topics } = await read("/v1/topics");
  const now = performance.now();
  const isSystemShown = $("system").checked;
  const rows = [];
  const next = new Map();
  for (const topic of topics) {
    const last = known.get(topic.name);
    next.set(topic.name, { offset: topic.last_offset, now, topic });
    if (topic.name.startsWith("thalweg.") && !isSystemShown) continue;
    const rate = last ? (topic.last_offset - last.offset) / ((now - last.now) / 1000) : 0;
    const row = element("tr", undefined, topic.name === chosen ? "chosen" : "");
    const name = element("td");
    const button = element("button", topic.name);
    button.title = topic.schema ?? "bytes";
    name.append(button);
    row.append(
      name, element("td", topic.key), element("td", short(topic.records), "number"),
      element("td", short(Math.max(0, Math.round(rate))), "number"),
      element("td", bytes(topic.memory_bytes), "number"));
    row.onclick = () => choose(topic.name);
    rows.push(row);
  }
  known = next;
  const body = document.querySelector("#topics tbody");
  const focused = document.activeElement?.closest?.("#topics tbody") && document.activeElement.textContent;
  body.replaceChildren(...rows);
  if (rows.length === 0) body.append(element("tr", "There is none yet."));
  if (focused) [...body.querySelectorAll("button")].find((b) => b.textContent === focused)?.focus();
}

// MARK: One topic

let chosen;
let events;
let isPaused = false;
let isDirty = false;
let records = new Map();
let columns = [];
let heard = 0;

function choose(name) {
  chosen = name;
  $("filter").value = "";
  $("search").hidden = false;
  location.hash = encodeURIComponent(name);
  watch();
  pollTopics().catch(() => {});
}

async function watch() {
  events?.close();
  records = new Map();
  columns = [];
  heard = 0;
  isDirty = true;
  $("title").textContent = chosen;
  $("state").className = "";
  $("state").textContent = "reading…";
  const path = `/v1/topics/${encodeURIComponent(chosen)}/changes`;
  const filter = $("filter").value.trim();
  const query = filter ? `?filter=${encodeURIComponent(filter)}` : "";
  // An event source does not say why it was refused; counting with the same filter does.
  try {
    await read(`/v1/topics/${encodeURIComponent(chosen)}/count${query}`);
  } catch (error) {
    $("state").className = "bad";
    $("state").textContent = error.message;
    return;
  }
  const mine = new EventSource(path + query);
  events = mine;
  const apply = (event) => {
    if (mine !== events) return;
    const change = JSON.parse(event.data);
    heard += 1;
    isDirty = true;
    const key = String(change.key);
    records.delete(key);
    // The newest stand last; the oldest make room.
    if (change.record !== undefined) records.set(key, change);
    if (records.size > shownRows) records.delete(records.keys().next().value);
  };
  for (const kind of ["created", "updated", "deleted", "entered", "left"]) mine.addEventListener(kind, apply);
  mine.addEventListener("reset", () => { records.clear(); isDirty = true; });
  mine.addEventListener("ended", (event) => {
    mine.close();
    $("state").className = "bad";
    $("state").textContent = JSON.parse(event.data).message;
  });
  mine.onerror = () => { if (mine.readyState !== EventSource.CLOSED) $("state").textContent = "connecting again…"; };
}

function cell(value) {
  if (value === undefined || value === null) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function show() {
  if (!isDirty || isPaused || !chosen) return;
  isDirty = false;
  const newest = [...records.values()].reverse();
  const first = newest[0]?.record;
  columns = first !== null && typeof first === "object" ? Object.keys(first) : ["value"];
  const head = element("tr");
  for (const name of ["key", "version", "offset", ...columns]) head.append(element("th", name));
  document.querySelector("#rows thead").replaceChildren(head);
  const rows = newest.map((change) => {
    const row = element("tr");
    row.append(element("td", cell(change.key)), element("td", change.version), element("td", change.offset));
    for (const name of columns) {
      const value = columns[0] === "value" && typeof change.record !== "object" ? change.record : change.record[name];
      const isChanged = change.kind === "updated" && change.changed.includes(name);
      const made = element("td", cell(value), isChanged ? "changed" : "");
      made.title = made.textContent;
      row.append(made);
    }
    return row;
  });
  document.querySelector("#rows tbody").replaceChildren(...rows);
  if ($("state").className !== "bad") {
    $("state").textContent = `${short(heard)} changes heard; the ${newest.length} records that changed last`;
  }
}

$("search").onsubmit = (event) => { event.preventDefault(); watch(); };
$("pause").onclick = () => {
  isPaused = !isPaused;
  isDirty = true;
  $("pause").textContent = isPaused ? "Go on" : "Pause";
};
$("system").onchange = () => pollTopics().catch(() => {});

async function tick(poll, pause) {
  try {
    await poll();
  } catch (error) {
    before = undefined;
    tell(`no answer: ${error.message}`, true);
  }
  setTimeout(() => tick(poll, pause), pause);
}

tick(pollStatus, 1000);
tick(pollTopics, 2000);
setInterval(show, 250);
if (location.hash.length > 1) choose(decodeURIComponent(location.hash.slice(1)));
