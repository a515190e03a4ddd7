// The page: its parts, and what they show of `state`; every change goes through `show`.

const ROW = 20, WHOLE = 3000, HOPS = 3;

function element(name, properties = {}, ...children) {
  const { dataset, aria, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  Object.assign(made.dataset, dataset);
  for (const [key, value] of Object.entries(aria ?? {})) made.setAttribute(`aria-${key}`, value);
  made.append(...children);
  return made;
}

// --- the page's parts ----------------------------------------------------------------------------------------------

const searchBox = element("input", { type: "search", id: "search", placeholder: "Search operations, lines, types, %names  ( / )", aria: { label: "Search" } });
const status = element("output", { id: "status", aria: { live: "polite" } });
const passes = element("nav", { id: "passes", aria: { label: "Passes" } });
const columns = element("main", { id: "columns" });
const inspector = element("aside", { id: "inspector", aria: { label: "Selected value" } });
const chosen = element("div", { id: "chosen" }), plot = element("div", { id: "memory" });
const graph = new GraphView((key) => select(key ?? null), (key) => hover(key ?? null));
const nearButton = element("button", { type: "button", textContent: "neighbours (n)", title: "Only what is near the selected value" });
const tools = element("div", { className: "tools" },
  button("−", "Zoom out", () => graph.zoom(1 / 1.3)), button("+", "Zoom in", () => graph.zoom(1.3)),
  button("whole (0)", "Show the whole graph", () => graph.fit(true)), nearButton);
const note = element("p", { className: "note" });
const drawing = element("div", { className: "drawing" }, tools, note, graph.element);

function button(text, title, action) {
  return element("button", { type: "button", textContent: text, title, onclick: action });
}

function build() {
  const facts = [`${DATA.steps.length} programs`, `${DATA.passes.length} passes`, `${(DATA.seconds * 1000).toFixed(0)} ms with this dump`];
  if (DATA.backend) facts.push(DATA.backend);
  const legend = element("div", { className: "legend", aria: { label: "Derivative order" } },
    ...[0, 1, 2, 3, 4].filter((order) => order <= highest()).map((order) => element("span", { className: `chip o${order}` },
      order ? `${badge(order)}${order === 4 ? "+" : ""} derived` : "yours")));
  const header = element("header", {},
    element("h1", {}, `@${DATA.entry}`), element("span", { className: "facts" }, facts.join(" · ")), legend, searchBox, status);
  if (DATA.error) header.append(element("p", { className: "error", role: "alert" }, `${DATA.error.type}: ${DATA.error.message}`));
  inspector.append(chosen, plot);
  document.body.append(header, passes, columns, inspector,
    element("footer", {}, "← → passes · ↑ ↓ values · / search, Enter next · n neighbours · + − 0 zoom · Esc clear"));
  buildPasses();
  DATA.steps.forEach(buildColumn);
}

function highest() {
  return Math.min(4, DATA.locations.reduce((most, location) => Math.max(most, location[4]), 0));
}

function buildPasses() {
  const slowest = Math.max(...DATA.passes.map((each) => each.seconds ?? 0), 1e-9);
  const list = element("ol");
  const entry = (each, step, title) => {
    const time = each ? `${((each.seconds ?? 0) * 1000).toFixed(1)} ms` : "";
    const bar = element("span", { className: "bar" });
    bar.style.width = `${each ? Math.max(1, ((each.seconds ?? 0) / slowest) * 100) : 0}%`;
    const item = element("button", { type: "button", className: "pass", disabled: step === null, title: each?.text ?? title, dataset: step === null ? {} : { step } },
      element("span", { className: "name" }, `${" ".repeat(2 * (each?.depth ?? 0))}${title}`),
      element("span", { className: "hits" }), element("span", { className: "time" }, time), bar);
    if (step !== null) item.addEventListener("click", () => activate(step));
    list.append(element("li", {}, item));
  };
  entry(null, 0, "input");
  for (const each of DATA.passes) entry(each, each.step ?? null, each.failed ? `${each.pass} ✗` : each.pass);
  passes.append(element("h2", {}, "Passes and their time"), list);
}

function buildColumn(step, index) {
  const operations = step.functions.reduce((sum, func) => sum + func.rows.length - func.arguments, 0);
  const head = element("button", { type: "button", className: "top", title: step.file, onclick: () => activate(index) },
    element("b", {}, step.title), element("span", {}, `${count(operations)} operations`));
  const inner = element("div", { className: "inner" });
  inner.style.height = `${step.functions.reduce((sum, func) => sum + func.rows.length + 2, 0) * ROW}px`;
  const list = element("div", { className: "lines", role: "listbox", tabIndex: 0, aria: { label: `Program after ${step.title}` } }, inner);
  const column = element("section", { className: "column", dataset: { step: index } }, element("h2", {}, head), list);
  list.addEventListener("scroll", () => renderLines(index));
  const keyAt = (event) => event.target.closest?.(".line")?.dataset.key;
  list.addEventListener("click", (event) => {
    const key = keyAt(event);
    if (state.step !== index) activate(index, key);
    else select(key ?? null);
  });
  list.addEventListener("pointerover", (event) => hover(keyAt(event) ?? null, index));
  list.addEventListener("pointerleave", () => hover(null));
  columns.append(column);
}

const column = (index) => columns.children[index];
const visible = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const index = Number(target.dataset.step);
    if (isIntersecting) { visible.add(index); follow(index, true); } else visible.delete(index);
  }
}, { root: columns, rootMargin: "0px 200px" });

// --- drawing what the state says -----------------------------------------------------------------------------------

// Only the lines in view are elements, so a column of any length costs the same.
function renderLines(index) {
  const list = column(index).querySelector(".lines"), inner = list.firstChild, m = model(index);
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
  const last = Math.min(m.lines.length, first + Math.ceil((list.clientHeight || 600) / ROW) + 10);
  const marks = lineMarks(index);
  inner.replaceChildren(...m.lines.slice(first, last).map((line, at) => {
    const classes = ["line", line.kind, ...marks(line)];
    const made = element("div", { className: classes.join(" "), role: "option", id: `l${index}-${first + at}`, dataset: line.key ? { key: line.key } : {} },
      element("span", { className: `chip o${Math.min(4, line.order)}` }, badge(line.order)), element("code", {}, line.text));
    made.setAttribute("aria-selected", classes.includes("sel"));
    made.style.top = `${(first + at) * ROW}px`;
    return made;
  }));
}

// The classes of a line: sel, the selected value; kin, the same line of the user; hit, found by the search.
function lineMarks(index) {
  const trace = traceOf(state.key), over = state.hover === null ? -1 : traceOf(state.hover);
  const selected = chosenLine();
  const [file, number] = selected ? place(selected.row) : [-1, 0];
  return (line) => {
    const classes = [];
    if (line.row) {
      if (line.row[TRACE] === trace && (index !== state.step || line.key === state.key)) classes.push("sel");
      else if (number && place(line.row)[0] === file && place(line.row)[1] === number) classes.push("kin");
      if (line.row[TRACE] === over) classes.push("hover");
    }
    if (isHit(line)) classes.push("hit");
    return classes;
  };
}

// The selected value as a line of the shown step, or of the last step that had it.
let remembered = null;
function chosenLine() {
  if (!state.key) return null;
  const m = model(state.step);
  const line = m.byKey.get(state.key) ?? m.byTrace.get(traceOf(state.key))?.[0];
  if (line) remembered = line;
  return line ?? (remembered && remembered.row[TRACE] === traceOf(state.key) ? remembered : null);
}

function graphBoxes(m, keep) {
  return m.step.functions.map((func, f) => {
    const nodes = [], edges = [], at = new Map();
    for (const line of m.lines) {
      if (line.f !== f || line.kind === "head" || (keep && !keep.has(line.key))) continue;
      const operands = pairs(line.row ? line.row[OPERANDS] : line.outputs);
      for (const [trace, result] of operands) {
        const from = at.get(`${f}:${trace}`);
        if (from !== undefined) edges.push({ from, to: nodes.length, result, shape: shape(DATA.types[nodes[from].line.row[TYPES][result]][0]) });
      }
      at.set(line.key, nodes.length);
      const label = line.row ? `${mnemonic(line)}${line.order ? ` ${badge(line.order)}` : ""}` : "return";
      nodes.push({ key: line.key, line, label, kind: line.kind, order: line.order, hint: line.text });
    }
    return { name: func.name, nodes, edges };
  }).filter((box) => box.nodes.length);
}

// The keys within some hops of a line, but for those behind a value with very many uses.
function neighbourhood(m, line) {
  const keep = new Set([line.key]);
  let edge = [line];
  for (let hop = 0; hop < HOPS; hop++) {
    const next = [];
    for (const each of edge) {
      const operands = pairs(each.row[OPERANDS]).map(([t]) => m.byKey.get(`${each.f}:${t}`));
      const users = each.users.length > 12 && hop ? [] : each.users.slice(0, 40);
      for (const other of [...operands, ...users]) {
        if (other && !keep.has(other.key)) { keep.add(other.key); next.push(other); }
      }
    }
    edge = next;
  }
  return keep;
}

let drawn = "";
function renderGraph() {
  const m = model(state.step), large = m.lines.length > WHOLE;
  const line = (state.key && m.byKey.get(state.key)) || (large ? m.lines.find((each) => each.kind === "op") : null);
  const near = (state.near || large) && line;
  const what = `${state.step}|${near ? line.key : "whole"}`;
  nearButton.setAttribute("aria-pressed", String(Boolean(near)));
  note.textContent = near
    ? `${line.name || "The value"} and what is within ${HOPS} steps of it${large ? `: ${count(m.lines.length)} operations are too many to draw` : ""}.` : "";
  if (what !== drawn) {
    graph.draw(graphBoxes(m, near ? neighbourhood(m, line) : null), `Graph after ${m.step.title}`);
    drawn = what;
    graph.fit(false);
    if (state.key) graph.centre(state.key);
  }
  markGraph();
}

function markGraph() {
  const m = model(state.step), marks = lineMarks(state.step), all = [];
  for (const line of m.lines) {
    const classes = line.key ? marks(line) : [];
    if (classes.length) all.push([line.key, classes]);
  }
  graph.mark(all);
}

function renderChosen() {
  const m = model(state.step), line = chosenLine();
  chosen.replaceChildren();
  if (!line) {
    chosen.append(element("h2", {}, "Value"), element("p", {}, "Select an operation, in the text or in the graph, to follow it through all passes and to your own line."));
    return;
  }
  const row = line.row, [file, number, func, origin, order] = place(row), name = DATA.files[file];
  const here = m.byKey.get(line.key) === line;
  chosen.append(element("h2", {}, `${line.name} `, element("span", { className: `chip o${Math.min(4, order)}` }, order ? badge(order) : "yours")));
  const facts = element("dl");
  const fact = (term, ...value) => facts.append(element("dt", {}, term), element("dd", {}, ...value));
  fact("operation", line.kind === "argument" ? "argument" : DATA.names[row[NAME]]);
  if (row[ATTRIBUTES] && line.kind !== "argument") fact("attributes", row[ATTRIBUTES]);
  fact("type", line.types);
  if (name) {
    fact("your line", element("span", { className: "path" }, `${name}:${number}${func ? ` in ${func}` : ""}`),
      element("code", { className: "source" }, DATA.sources[name]?.[number] ?? "(the source is not at hand)"));
  }
  if (order) fact("derived from", `${origin}, ${order} time${order > 1 ? "s" : ""}`);
  if (here) {
    const work = row[FLOPS] === null ? "what the function it names costs" : `${count(row[FLOPS])} operations`;
    fact("cost", `${work}, ${bytes(bytesMoved(line))} read and written`);
    const link = (other) => element("button", { type: "button", className: "link", onclick: () => select(other.key), title: other.text }, other.kind === "argument" ? other.name : `${other.name} ${mnemonic(other)}`);
    const operands = pairs(row[OPERANDS]).map(([t]) => m.byKey.get(`${line.f}:${t}`)).filter(Boolean);
    if (operands.length) fact("operands", ...operands.map(link));
    if (line.users.length) fact("users", ...[...new Set(line.users)].slice(0, 30).map(link), line.users.length > 30 ? ` and ${line.users.length - 30} more` : "");
  }
  chosen.append(facts, element("h3", {}, "Through the passes"), through());
}

// A trace's rows in a step, as [key, row number]. Says it without the step's lines, which may not be made yet.
function rowsOf(step, trace) {
  return step.functions.flatMap((func, f) => func.rows.filter((number) => DATA.rows[number][TRACE] === trace).map((number) => [`${f}:${trace}`, number]));
}

// What became of the selected value: where it was made, changed, gone; passes that left it alone are counted.
function through() {
  const list = element("ol", { className: "history" }), trace = traceOf(state.key);
  let before = [], kept = 0;
  const tell = () => {
    if (kept) list.append(element("li", { className: "kept" }, `kept by ${kept} pass${kept > 1 ? "es" : ""}`));
    kept = 0;
  };
  DATA.steps.forEach((step, index) => {
    const rows = rowsOf(step, trace), now = rows.map(([, number]) => number);
    const word = now.some((number) => before.includes(number)) ? "kept" : now.length ? (before.length ? "changed" : "made") : before.length ? "gone" : "";
    before = now;
    if (word === "kept" && index !== state.step) kept += 1;
    if (!word || (word === "kept" && index !== state.step)) return;
    tell();
    const text = word === "made" || word === "changed" ? model(index).byKey.get(rows[0][0]).text : "";
    const item = element("button", { type: "button", className: "at", onclick: () => activate(index, rows[0]?.[0]), title: step.title },
      element("span", { className: "name" }, step.title), element("span", { className: "word" }, word), element("code", {}, text));
    item.setAttribute("aria-current", String(index === state.step));
    list.append(element("li", {}, item));
  });
  tell();
  return list;
}

function renderMemory() {
  const m = model(state.step), line = m.byKey.get(state.key), f = line?.f ?? 0;
  const points = memory(m, f), width = 300, height = 110, left = 4, base = height - 16;
  const peak = points.reduce((most, point) => (point.live > most.live ? point : most), { live: 0, line: null });
  plot.replaceChildren(element("h2", {}, "Memory over the schedule"));
  if (!points.length) return;
  const x = (at) => left + (at / points.length) * (width - 2 * left), y = (live) => base - (live / Math.max(1, peak.live)) * (base - 14);
  let path = `M${left} ${base}`;
  points.forEach(({ live }, at) => { path += `L${x(at).toFixed(1)} ${y(live).toFixed(1)}L${x(at + 1).toFixed(1)} ${y(live).toFixed(1)}`; });
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img", "aria-label": `Live bytes; at most ${bytes(peak.live)}` });
  chart.append(svg("path", { class: "area", d: `${path}L${width - left} ${base}Z` }),
    svg("line", { class: "axis", x1: left, x2: width - left, y1: base, y2: base }),
    svg("text", { x: left, y: 10 }, bytes(peak.live)), svg("text", { x: left, y: height - 4 }, "first"),
    svg("text", { x: width - left, y: height - 4, "text-anchor": "end" }, "last operation"));
  if (line) {
    const at = points.findIndex((point) => point.line === line);
    chart.append(svg("line", { class: "cursor", x1: x(at + 0.5), x2: x(at + 0.5), y1: 4, y2: base }));
  }
  const at = (event) => {
    const box = chart.getBoundingClientRect();
    const where = ((event.clientX - box.left) / box.width * width - left) / (width - 2 * left);
    return points[Math.min(points.length - 1, Math.max(0, Math.floor(where * points.length)))];
  };
  const words = element("p", { className: "note" });
  const say = (point, start) => { words.textContent = `${start}${bytes(point.live)} live at ${point.line.name} (${mnemonic(point.line)}) of ${m.step.functions[f].name}`; };
  chart.addEventListener("pointermove", (event) => say(at(event), ""));
  chart.addEventListener("pointerleave", () => say(peak, "Peak: "));
  chart.addEventListener("click", (event) => select(at(event).line.key));
  say(peak, "Peak: ");
  plot.append(chart, words, button("go to the peak", "Select the operation at which most is live", () => select(peak.line.key)));
  plot.dataset.peak = peak.live;
}

// Draws a column's lines, with that of the selected value in view.
function follow(index, scroll) {
  const m = model(index), list = column(index).querySelector(".lines");
  const line = m.byKey.get(index === state.step ? state.key : "") ?? m.byTrace.get(traceOf(state.key))?.[0];
  const top = line ? line.at * ROW : 0;
  if (line && scroll && (top < list.scrollTop + ROW || top > list.scrollTop + list.clientHeight - 2 * ROW)) list.scrollTop = top - list.clientHeight / 2;
  renderLines(index);
  if (line) list.setAttribute("aria-activedescendant", `l${index}-${line.at}`);
  else list.removeAttribute("aria-activedescendant");
}

// --- changing the state --------------------------------------------------------------------------------------------

function show({ scroll = true } = {}) {
  for (const each of columns.children) each.classList.toggle("active", Number(each.dataset.step) === state.step);
  const active = column(state.step);
  active.querySelector("h2").after(drawing);
  for (const item of passes.querySelectorAll("[data-step]")) item.setAttribute("aria-current", String(Number(item.dataset.step) === state.step));
  renderGraph();
  for (const index of new Set([...visible, state.step])) follow(index, scroll);
  renderChosen();
  renderMemory();
  writeAddress();
}

function writeAddress() {
  const said = new URLSearchParams({ pass: state.step });
  if (state.key) said.set("value", traceOf(state.key));
  if (state.search) said.set("search", state.search);
  if (state.near) said.set("near", "1");
  window.history.replaceState(null, "", `#${said}`);
}

function activate(index, key) {
  state.step = Math.max(0, Math.min(DATA.steps.length - 1, index));
  const m = model(state.step);
  state.key = key ?? m.byTrace.get(traceOf(state.key))?.[0].key ?? state.key;
  state.hover = null;
  show();
  columns.scrollLeft = column(Math.max(0, state.step - 1)).offsetLeft - columns.offsetLeft;
  passes.querySelector(`[data-step="${state.step}"]`)?.scrollIntoView({ block: "nearest" });
}

function select(key) {
  state.key = model(state.step).byKey.has(key) ? key : null;
  show();
  if (state.key) graph.centre(state.key);
}

function hover(key, index = state.step) {
  if (state.hover === key) return;
  state.hover = key;
  for (const each of visible) renderLines(each);
  markGraph();
}

function step(by) {
  const { lines, byKey } = model(state.step), from = byKey.get(state.key)?.at ?? (by > 0 ? -1 : lines.length);
  for (let at = from + by; at >= 0 && at < lines.length; at += by) if (lines[at].row) return select(lines[at].key);
}

function search(text) {
  state.search = text.trim();
  let here = 0;
  DATA.steps.forEach((each, index) => {
    const rows = found(state.search.includes("%") ? "" : state.search);
    const hits = !state.search ? 0 : state.search.includes("%") ? (index === state.step ? model(index).lines.filter(isHit).length : 0)
      : each.functions.reduce((sum, func) => sum + func.rows.reduce((n, number) => n + rows.has(number), 0), 0);
    if (index === state.step) here = hits;
    for (const item of passes.querySelectorAll(`[data-step="${index}"] .hits`)) item.textContent = hits ? count(hits) : "";
  });
  status.textContent = state.search ? `${count(here)} found in this program` : "";
  show({ scroll: false });
}

function nextHit(by) {
  const { lines, byKey } = model(state.step), from = byKey.get(state.key)?.at ?? -1;
  for (let away = 1; away <= lines.length; away++) {
    const line = lines[(from + by * away + 2 * lines.length) % lines.length];
    if (line.row && isHit(line)) return select(line.key);
  }
}

function toggleNear() {
  state.near = !state.near;
  show({ scroll: false });
}

const KEYS = {
  ArrowLeft: () => activate(state.step - 1), ArrowRight: () => activate(state.step + 1),
  ArrowUp: () => step(-1), ArrowDown: () => step(1), Home: () => activate(0), End: () => activate(DATA.steps.length - 1),
  "/": () => searchBox.focus(), n: toggleNear, "+": () => graph.zoom(1.3), "=": () => graph.zoom(1.3), "-": () => graph.zoom(1 / 1.3),
  0: () => graph.fit(true), Escape: () => { searchBox.value = ""; state.key = null; search(""); },
};

function start() {
  build();
  nearButton.addEventListener("click", toggleNear);
  searchBox.addEventListener("input", () => search(searchBox.value));
  searchBox.addEventListener("keydown", (event) => {
    if (event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") { KEYS.Escape(); searchBox.blur(); }
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target === searchBox || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  const asked = new URLSearchParams(location.hash.slice(1));
  state.step = Math.max(0, Math.min(DATA.steps.length - 1, Number(asked.get("pass") ?? DATA.steps.length - 1) || 0));
  state.near = asked.has("near");
  if (asked.has("value")) state.key = model(state.step).byTrace.get(Number(asked.get("value")))?.[0].key ?? null;
  searchBox.value = asked.get("search") ?? "";
  for (const each of columns.children) watcher.observe(each);
  search(searchBox.value);
  activate(state.step);
}

start();
