// The programs as the page reads them: lines of text, memory, search.

const DATA = JSON.parse(document.getElementById("data").textContent);
const [TRACE, NAME, TYPES, LOCATION, ATTRIBUTES, OPERANDS, FLOPS] = [0, 1, 2, 3, 4, 5, 6];
// What the page shows follows from this.
const state = { step: 0, key: null, hover: null, search: "", near: false };

const short = (name) => name.replace(/^tensor\./, "");
const shape = (type) => type.replace(/^tensor<(.*)>$/, "$1");
const badge = (order) => (order ? `∂${order}` : "");
const traceOf = (key) => (key ? Number(key.split(":")[1]) : 0);
const count = (n) => n.toLocaleString("en");

function bytes(n) {
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (n < 1024) return `${n < 10 && unit !== "B" ? n.toFixed(1) : Math.round(n)} ${unit}`;
    n /= 1024;
  }
  return `${Math.round(n)} PiB`;
}

// A step's lines: {key, function, row, text, name, ...}. Made when the step is first looked at.
const models = [];
function model(index) {
  return models[index] ??= makeModel(DATA.steps[index]);
}

function makeModel(step) {
  const lines = [], byKey = new Map(), byTrace = new Map();
  step.functions.forEach((func, f) => {
    const names = func.names.split(" "), named = new Map();
    const value = (trace, result) => {
      const at = named.get(trace), name = names[at] ?? "";
      return name.includes(":") ? `${name.split(":")[0]}#${result}` : name;
    };
    lines.push({ kind: "head", f, text: func.name.startsWith("@") ? `func ${func.name}` : func.name, order: 0 });
    func.rows.forEach((number, at) => {
      const row = DATA.rows[number], key = `${f}:${row[TRACE]}`, argument = at < func.arguments;
      named.set(row[TRACE], at);
      const types = row[TYPES].map((t) => DATA.types[t][0]).join(", ");
      const operands = pairs(row[OPERANDS]).map(([t, r]) => value(t, r)).join(", ");
      const said = argument ? "" : [" =", short(DATA.names[row[NAME]]), operands, row[ATTRIBUTES]].filter(Boolean).join(" ");
      const line = {
        kind: argument ? "argument" : "op", f, key, row, number, name: names[at], types,
        text: `${names[at]}${said} : ${types}`, order: DATA.locations[row[LOCATION]][4], users: [], at: lines.length,
      };
      for (const [trace] of pairs(row[OPERANDS])) byKey.get(`${f}:${trace}`)?.users.push(line);
      byKey.set(key, line);
      byTrace.set(row[TRACE], [...(byTrace.get(row[TRACE]) ?? []), line]);
      lines.push(line);
    });
    const outputs = pairs(func.outputs).map(([t, r]) => value(t, r)).join(", ");
    lines.push({ kind: "return", f, key: `${f}:return`, text: `return ${outputs}`, outputs: func.outputs, order: 0, at: lines.length });
  });
  return { step, lines, byKey, byTrace };
}

function pairs(flat) {
  const found = [];
  for (let i = 0; i < flat.length; i += 2) found.push([flat[i], flat[i + 1]]);
  return found;
}

const place = (row) => DATA.locations[row[LOCATION]];
const mnemonic = (line) => (line.kind === "argument" ? line.name : short(DATA.names[line.row[NAME]]));
const bytesOf = (row) => row[TYPES].reduce((sum, t) => sum + DATA.types[t][1], 0);

function bytesMoved(line) {
  const { byKey } = model(state.step);
  return pairs(line.row[OPERANDS]).reduce((sum, [t, r]) => {
    const source = byKey.get(`${line.f}:${t}`);
    return sum + (source ? DATA.types[source.row[TYPES][r]][1] : 0);
  }, bytesOf(line.row));
}

// Bytes that are live after each operation of a function, in program order: arguments all the time, every other value
// from its operation to its last use.
function memory(m, f) {
  const lines = m.lines.filter((line) => line.f === f && line.row), last = new Map();
  lines.forEach((line, at) => {
    last.set(line.key, line.kind === "argument" ? lines.length : at);
    for (const [t] of pairs(line.row[OPERANDS])) {
      const key = `${f}:${t}`;
      last.set(key, Math.max(at, last.get(key) ?? 0));
    }
  });
  for (const [t] of pairs(m.step.functions[f].outputs)) last.set(`${f}:${t}`, lines.length);
  const freed = new Map();
  for (const line of lines) {
    const at = last.get(line.key);
    freed.set(at, (freed.get(at) ?? 0) + bytesOf(line.row));
  }
  let live = 0;
  return lines.map((line, at) => {
    live += bytesOf(line.row);
    const point = { line, live };
    live -= freed.get(at) ?? 0;
    return point;
  });
}

// What a search finds: a set of row numbers, over all steps. The text of the user's line counts where nothing else is
// found, since all that was derived from a line would match it. A text with % finds names in the step that is shown.
let searched = { text: "", rows: new Set() };
function found(text) {
  if (searched.text === text) return searched.rows;
  const wanted = text.toLowerCase();
  const matching = (describe) => new Set([...DATA.rows.keys()].filter((number) => describe(DATA.rows[number]).toLowerCase().includes(wanted)));
  let rows = new Set();
  if (wanted) {
    rows = matching((row) => {
      const [file, line, func, origin, order] = place(row), types = row[TYPES].map((t) => DATA.types[t][0]).join(" ");
      return `${DATA.names[row[NAME]]} ${row[ATTRIBUTES]} ${types} ${DATA.files[file]}:${line} ${func} ${origin} ${badge(order)}`;
    });
    if (!rows.size) rows = matching((row) => DATA.sources[DATA.files[place(row)[0]]]?.[place(row)[1]] ?? "");
  }
  searched = { text, rows };
  return rows;
}

const isHit = (line) => Boolean(state.search) && (state.search.includes("%")
  ? line.text.includes(state.search) : line.row !== undefined && found(state.search).has(line.number));
