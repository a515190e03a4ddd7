// The graph of a step: layered layout (Sugiyama's, without the dummy nodes that would be millions where a backward
// operation uses a forward one), drawn as SVG with pan and zoom.

const LAYER = 58, HEIGHT = 26, GAP = 16, CHARACTER = 7.3, MARGIN = 26;
const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

// nodes: [{id, label, ...}] in program order; edges: [{from, to, ...}], from < to, as indices of nodes.
// Sets x, y (the centre), layer and width of each node; returns {width, height}.
function layout(nodes, edges) {
  const parents = nodes.map(() => []), children = nodes.map(() => []);
  for (const { from, to } of edges) { parents[to].push(from); children[from].push(to); }
  nodes.forEach((node, i) => {
    node.width = Math.max(34, node.label.length * CHARACTER + 18);
    node.layer = parents[i].reduce((most, p) => Math.max(most, nodes[p].layer + 1), 0);
  });
  // What has no operand stands right above its first user.
  nodes.forEach((node, i) => {
    if (!parents[i].length && children[i].length) node.layer = Math.min(...children[i].map((c) => nodes[c].layer)) - 1;
  });
  const lowest = Math.min(0, ...nodes.map((node) => node.layer));
  const layers = [];
  nodes.forEach((node, i) => { node.layer -= lowest; (layers[node.layer] ??= []).push(i); });
  for (const layer of layers) if (layer) pack(nodes, layer, layer.map(() => 0));
  for (let sweep = 0; sweep < 8; sweep++) {
    const down = sweep % 2 === 0, order = down ? layers : [...layers].reverse();
    for (const layer of order) if (layer) pack(nodes, layer, layer.map((i) => wanted(nodes, i, down ? parents : children)));
  }
  let left = Infinity, right = -Infinity;
  for (const node of nodes) { left = Math.min(left, node.x - node.width / 2); right = Math.max(right, node.x + node.width / 2); }
  for (const node of nodes) { node.x += MARGIN - left; node.y = MARGIN + 22 + node.layer * LAYER + HEIGHT / 2; }
  return { width: Math.max(120, right - left + 2 * MARGIN), height: 22 + (layers.length - 1) * LAYER + HEIGHT + 2 * MARGIN };
}

// The mean place of the neighbours, near ones counting more, so that chains stay straight.
function wanted(nodes, i, neighbours) {
  if (!neighbours[i].length) return nodes[i].x;
  let sum = 0, weight = 0;
  for (const j of neighbours[i]) {
    const near = 1 / Math.abs(nodes[i].layer - nodes[j].layer);
    sum += nodes[j].x * near;
    weight += near;
  }
  return sum / weight;
}

// Puts a layer's nodes in the order of their wanted places, without overlap, and as a whole where they want to be.
function pack(nodes, layer, places) {
  const order = layer.map((i, k) => [places[k], k, i]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let end = -Infinity, shift = 0;
  for (const [place, , i] of order) {
    const node = nodes[i];
    node.x = Math.max(place, end + node.width / 2);
    end = node.x + node.width / 2 + GAP;
    shift += place - node.x;
  }
  for (const [, , i] of order) nodes[i].x += shift / order.length;
}

function curve(a, b) {
  const top = a.y + HEIGHT / 2, bottom = b.y - HEIGHT / 2, bend = Math.min(60, Math.max(14, (bottom - top) * 0.45));
  const r = (n) => Math.round(n);
  return `M${r(a.x)} ${r(top)}C${r(a.x)} ${r(top + bend)} ${r(b.x)} ${r(bottom - bend)} ${r(b.x)} ${r(bottom)}`;
}

class GraphView {
  constructor(onSelect, onHover) {
    this.element = svg("svg", { class: "graph", role: "img", tabindex: "-1" });
    this.canvas = this.element.appendChild(svg("g"));
    this.view = { x: 0, y: 0, scale: 1 };
    this.size = { width: 1, height: 1 };
    this.nodes = new Map();
    let drag = null, moved = false;
    this.element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = this.element.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    this.element.addEventListener("pointerdown", (event) => {
      drag = [event.clientX, event.clientY]; moved = false;
    });
    this.element.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const dx = event.clientX - drag[0], dy = event.clientY - drag[1];
      if (!moved && Math.abs(dx) + Math.abs(dy) < 4) return;
      if (!moved) this.element.setPointerCapture(event.pointerId);
      moved = true;
      this.view.x += dx; this.view.y += dy;
      drag = [event.clientX, event.clientY];
      this.place();
    });
    for (const name of ["pointerup", "pointercancel"]) this.element.addEventListener(name, () => { drag = null; });
    const nodeAt = (event) => event.target.closest?.("[data-key]")?.dataset.key;
    this.element.addEventListener("click", (event) => { if (!moved) onSelect(nodeAt(event)); });
    this.element.addEventListener("pointerover", (event) => onHover(nodeAt(event)));
    this.element.addEventListener("pointerleave", () => onHover(undefined));
  }

  // boxes: [{name, nodes, edges}], one a function.
  draw(boxes, label) {
    this.canvas.replaceChildren();
    this.element.setAttribute("aria-label", label);
    this.nodes.clear();
    this.edges = [];
    const nodes = [];
    let offset = 10, height = 0;
    for (const box of boxes) {
      const size = layout(box.nodes, box.edges);
      const group = this.canvas.appendChild(svg("g"));
      const width = Math.max(size.width, box.name.length * CHARACTER + 2 * MARGIN);
      for (const node of box.nodes) { node.x += offset + (width - size.width) / 2; node.y += 10; }
      group.append(svg("rect", { class: "cluster", x: offset, y: 10, width, height: size.height, rx: 6 }));
      group.append(svg("text", { class: "title", x: offset + 12, y: 30 }, box.name));
      this.drawEdges(group, box);
      for (const node of box.nodes) nodes.push(this.drawNode(node));
      offset += width + 24;
      height = Math.max(height, size.height);
    }
    // Marked edges lie over all others and under every node.
    this.marks = this.canvas.appendChild(svg("path", { class: "marked" }));
    this.canvas.append(...nodes);
    this.size = { width: offset, height: height + 20 };
  }

  drawEdges(group, box) {
    const near = [], far = [], labelled = new Set();
    const labels = svg("g", { class: "shapes" });
    for (const edge of box.edges) {
      const a = box.nodes[edge.from], b = box.nodes[edge.to];
      this.edges.push([a, b]);
      (b.layer - a.layer > 4 ? far : near).push(curve(a, b));
      const value = `${edge.from}#${edge.result}`;
      if (labelled.has(value)) continue;
      labelled.add(value);
      labels.append(svg("text", { x: a.x + 5, y: a.y + HEIGHT / 2 + 12 }, edge.shape));
    }
    group.append(svg("path", { class: far.length > 100 ? "far many" : "far", d: far.join("") }), svg("path", { class: "near", d: near.join("") }), labels);
  }

  drawNode(node) {
    const order = Math.min(node.order, 4), x = node.x - node.width / 2, y = node.y - HEIGHT / 2;
    const group = svg("g", { class: `node ${node.kind} o${order}`, "data-key": node.key });
    group.append(svg("title", {}, node.hint));
    const shape = { x, y, width: node.width, height: HEIGHT, rx: node.kind === "op" ? (order ? 13 : 3) : 0 };
    group.append(svg("rect", shape));
    if (order > 1) group.append(svg("rect", { class: "inner", x: x + 3, y: y + 3, width: node.width - 6, height: HEIGHT - 6, rx: 10 }));
    group.append(svg("text", { x: node.x, y: node.y + 4 }, node.label));
    this.nodes.set(node.key, { node, group });
    return group;
  }

  // marks: key -> class, for the nodes that are selected, alike, found, ...
  mark(marks) {
    for (const group of this.canvas.querySelectorAll(".node.marked")) group.classList.remove("marked", "sel", "kin", "hit", "hover");
    const chosen = new Set();
    for (const [key, classes] of marks) {
      const found = this.nodes.get(key);
      if (!found) continue;
      found.group.classList.add("marked", ...classes);
      if (classes.includes("sel") || classes.includes("hover")) chosen.add(found.node);
    }
    const paths = this.edges?.filter(([a, b]) => chosen.has(a) || chosen.has(b)).map(([a, b]) => curve(a, b)) ?? [];
    this.marks?.setAttribute("d", paths.join(""));
  }

  place() {
    const { x, y, scale } = this.view;
    this.canvas.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    this.element.classList.toggle("small", scale < 0.35);
  }

  zoom(factor, x = this.element.clientWidth / 2, y = this.element.clientHeight / 2) {
    const scale = Math.min(4, Math.max(0.01, this.view.scale * factor)), ratio = scale / this.view.scale;
    this.view = { x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio, scale };
    this.place();
  }

  // The whole graph, or as much of its top as can be read.
  fit(whole) {
    const wide = this.element.clientWidth / this.size.width, high = this.element.clientHeight / this.size.height;
    const scale = Math.min(1.25, whole ? Math.min(wide, high) : Math.max(Math.min(wide, high), Math.min(wide, 0.8), 0.7));
    this.view = { x: Math.max(0, (this.element.clientWidth - this.size.width * scale) / 2), y: 0, scale };
    if (this.size.width * scale > this.element.clientWidth && !whole) {
      const first = this.nodes.values().next().value;
      if (first) this.view.x = this.element.clientWidth / 2 - first.node.x * scale;
    }
    this.place();
  }

  centre(key) {
    const found = this.nodes.get(key);
    if (!found) return;
    if (this.view.scale < 0.5) this.view.scale = 0.8;
    const { scale } = this.view, x = found.node.x * scale + this.view.x, y = found.node.y * scale + this.view.y;
    const inside = x > 40 && y > 30 && x < this.element.clientWidth - 40 && y < this.element.clientHeight - 30;
    if (!inside) {
      this.view.x = this.element.clientWidth / 2 - found.node.x * scale;
      this.view.y = this.element.clientHeight / 2 - found.node.y * scale;
    }
    this.place();
  }
}
