'use strict';
/* The map of guest memory: what MapRecorder noted, replayed in the page. A page's value is the logarithm of its
   leaf's size, 0 without a leaf, and two flags. */
const SHARED = 64, LARGE = 128, SIZE = 63;
const REGION = 512;                      // pages
const MOST_CELLS = 8192;
const LEAF_CLASSES = ['not mapped', '4K', '8K\u20131M', '2M', '4M\u2013512M', '1G and more'];

const classOf = log2 => log2 === 0 ? 0 : log2 === 12 ? 1 : log2 < 21 ? 2 : log2 === 21 ? 3 : log2 < 30 ? 4 : 5;

async function unpack(text) {
  const packed = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Varints(new Uint8Array(await new Response(stream).arrayBuffer()));
}

/** Reads numbers of seven bits a byte; they may be larger than 32 bits, so nothing is shifted. */
class Varints {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  get ended() { return this.at >= this.bytes.length; }
  next() {
    let value = 0, weight = 1, byte;
    do {
      byte = this.bytes[this.at++];
      value += (byte & 127) * weight;
      weight *= 128;
    } while (byte > 127);
    return value;
  }
  nextSigned() {
    const value = this.next();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/** A value for each page, as runs of equal ones: PageRuns. */
class Runs {
  constructor() { this.starts = [0]; this.values = [0]; }

  /** Index of the run that a page lies in. */
  find(page) {
    let low = 0, high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= page) low = middle; else high = middle - 1;
    }
    return low;
  }

  /** Calls with (from, end, value) for each run of a part. */
  over(from, end, visit) {
    for (let i = this.find(from); i < this.starts.length && this.starts[i] < end; i++) {
      const next = i + 1 < this.starts.length ? this.starts[i + 1] : Infinity;
      visit(Math.max(from, this.starts[i]), Math.min(end, next), this.values[i]);
    }
  }

  /** Puts runs (pages, value, pages, value ...) from a page on; returns what was there, likewise. */
  replace(from, runs) {
    let end = from;
    for (let i = 0; i < runs.length; i += 2) end += runs[i];
    const before = [];
    this.over(from, end, (a, b, value) => before.push(b - a, value));
    let first = this.find(from);
    const last = this.find(end);
    const after = this.values[last];
    if (this.starts[first] < from) first++;
    const starts = [], values = [];
    let previous = first > 0 ? this.values[first - 1] : -1;
    const put = (page, value) => {
      if (value !== previous) { starts.push(page); values.push(value); previous = value; }
    };
    let at = from;
    for (let i = 0; i < runs.length; i += 2) { put(at, runs[i + 1]); at += runs[i]; }
    put(end, after);
    const next = last + 1 < this.values.length ? this.values[last + 1] : -1;
    const drop = next === previous ? 2 : 1; // cannot be equal to what follows it, but what was put may be
    this.starts = splice(this.starts, first, last + drop, starts);
    this.values = splice(this.values, first, last + drop, values);
    return before;
  }
}

function splice(array, from, end, items) {
  if (items.length > 10000) return array.slice(0, from).concat(items, array.slice(end));
  array.splice(from, end - from, ...items);
  return array;
}

/** What a part of memory looks like under one policy: leaves by size, pages by state. */
function survey(runs, from, end) {
  const leaves = new Map();
  const found = {leaves, mapped: 0, shared: 0, large: 0};
  let size = 0, start = from, reached = from;
  const close = () => {
    if (size === 0) return;
    const pages = 2 ** (size - 12);
    leaves.set(size, (leaves.get(size) || 0) + Math.ceil(reached / pages) - Math.floor(start / pages));
  };
  runs.over(from, end, (a, b, value) => {
    if ((value & SIZE) !== size) { close(); size = value & SIZE; start = a; }
    reached = b;
    if (size) found.mapped += b - a;
    if (value & SHARED) found.shared += b - a;
    if (value & LARGE) found.large += b - a;
  });
  close();
  return found;
}

/** One policy's memory, which goes forward and back in time. */
class Layer {
  constructor(data, reader) {
    this.policy = data.policy;
    this.steps = data.steps;
    this.runs = new Runs();
    this.splices = [];
    this.done = 0;
    let step = 0, page = 0;
    while (!reader.ended) {
      step += reader.next();
      page += reader.nextSigned();
      const runs = [];
      for (let count = reader.next(); count > 0; count--) runs.push(reader.next(), reader.next());
      this.splices.push({step, page, runs, undo: null});
    }
  }

  seek(step) {
    const all = this.splices;
    for (; this.done < all.length && all[this.done].step <= step; this.done++) {
      all[this.done].undo = this.runs.replace(all[this.done].page, all[this.done].runs);
    }
    for (; this.done > 0 && all[this.done - 1].step > step; this.done--) {
      this.runs.replace(all[this.done - 1].page, all[this.done - 1].undo);
    }
  }
}

const hex = page => '0x' + (BigInt(page) << 12n).toString(16);
const leafName = log2 => {
  const unit = Math.floor((log2 - 10) / 10);
  return 2 ** (log2 - 10 - unit * 10) + 'KMGTPE'[unit];
};

/** All maps of a report, with their controls. */
class MemoryMaps {
  static async build(data, parent) {
    const layers = [];
    for (const layer of data.policies) layers.push(new Layer(layer, await unpack(layer.splices)));
    return new MemoryMaps(data, layers, await unpack(data.steps), parent);
  }

  constructor(data, layers, steps, parent) {
    this.data = data;
    this.layers = layers;
    this.events = [];
    let line = 0, page = 0;
    while (!steps.ended) {
      line += steps.nextSigned();
      const kind = data.kinds[steps.next()];
      page += steps.nextSigned();
      this.events.push({line, kind, page, bytes: steps.next()});
    }
    this.whole = {from: data.firstRegion * REGION, pages: Math.max(1, data.endRegion - data.firstRegion) * REGION};
    this.view = this.whole;
    this.step = this.events.length;
    this.layers.forEach(layer => layer.seek(this.step));
    this.listeners = [];
    this.construct(parent);
  }

  construct(parent) {
    const moment = element('div', {class: 'controls', parent});
    const go = (text, title, steps) =>
      element('button', {text, title, parent: moment, onclick: () => this.seek(this.step + steps)});
    this.play = element('button', {id: 'map-play', text: '\u25b6 Play', parent: moment, onclick: () => this.toggle()});
    go('\u2039', 'One step back', -1);
    this.slider = element('input', {id: 'map-step', type: 'range', min: 0, max: this.events.length, value: this.step,
      'aria-label': 'Moment', parent: moment, oninput: () => this.seek(+this.slider.value)});
    go('\u203a', 'One step on', 1);
    this.moment = element('div', {id: 'map-moment', class: 'moment', parent});
    const zoom = element('div', {class: 'controls', parent});
    const look = (id, text, action) => element('button', {id, text, parent: zoom, onclick: action});
    this.out = look('map-out', 'Zoom out', () => this.zoom(this.view.from + this.view.pages / 2, 16));
    this.all = look('map-all', 'All', () => this.show(this.whole));
    this.left = look('map-left', '\u2190', () => this.pan(-1));
    this.right = look('map-right', '\u2192', () => this.pan(1));
    this.address = element('input', {id: 'map-address', type: 'text', placeholder: 'Go to 0x\u2026', parent: zoom,
      onchange: () => this.goTo(this.address.value)});
    this.window = element('div', {id: 'map-window', class: 'window', parent: zoom});
    const maps = element('div', {class: 'maps', parent});
    this.figures = this.layers.map(layer => this.figure(layer, maps));
    this.legend(parent);
    this.tip = element('div', {id: 'map-tip', class: 'tip', hidden: true, parent: document.body});
    window.addEventListener('resize', () => this.draw());
  }

  figure(layer, parent) {
    const figure = element('figure', {parent});
    const caption = element('figcaption', {parent: figure});
    element('h3', {text: layer.policy, parent: caption});
    const counts = element('span', {parent: caption});
    const canvas = element('canvas', {'data-policy': layer.policy, role: 'img', parent: figure,
      'aria-label': 'Map of guest memory under ' + layer.policy});
    const pageAt = event => this.cellAt(canvas, event);
    canvas.addEventListener('mousemove', event => this.hover(layer, pageAt(event), event));
    canvas.addEventListener('mouseleave', () => this.hover(layer, null, null));
    canvas.addEventListener('click', event => this.open(pageAt(event)));
    canvas.addEventListener('wheel', event => {
      const page = pageAt(event);
      if (page === null) return;
      event.preventDefault();
      this.zoom(page, event.deltaY > 0 ? 4 : 1 / 4);
    }, {passive: false});
    return {layer, canvas, counts};
  }

  legend(parent) {
    const legend = element('div', {class: 'legend', parent});
    const key = (name, variable, kind) => {
      const one = element('span', {parent: legend});
      element('i', {class: 'key ' + kind, style: 'background: var(--' + variable + ')', parent: one});
      one.append(name);
    };
    LEAF_CLASSES.forEach((name, i) => key(i === 0 ? name : 'leaf ' + name, 'leaf' + i, ''));
    if (this.data.hasRmp) {
      key('foot: some pages shared', 'some', 'foot');
      key('all shared', 'shared', 'foot');
      key('private, RMP entries of 4K', 'small', 'foot');
      element('span', {text: 'no foot: private, RMP entries of 2M', parent: legend});
    }
  }

  // -------------------------------------------------------------- time

  seek(step) {
    this.step = Math.max(0, Math.min(this.events.length, step));
    this.slider.value = this.step;
    this.layers.forEach(layer => layer.seek(this.step));
    this.draw();
    this.listeners.forEach(listener => listener(this.event));
  }

  /** Number of the last event that the maps show. */
  get event() { return Math.min(this.step * this.data.stepLength, this.data.events); }

  toggle() {
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = null;
    } else {
      if (this.step === this.events.length) this.seek(0);
      const stride = Math.max(1, Math.round(this.events.length / 400));
      this.timer = setInterval(() => {
        this.seek(this.step + stride);
        if (this.step === this.events.length) this.toggle();
      }, 50);
    }
    this.play.textContent = this.timer ? '\u275a\u275a Pause' : '\u25b6 Play';
  }

  // -------------------------------------------------------------- place

  show(view) {
    const end = this.whole.from + this.whole.pages;
    const covers = view.from <= this.whole.from && view.from + view.pages >= end;
    this.view = covers || view.pages >= this.whole.pages ? this.whole : view;
    this.hover(null, null, null);
    this.draw();
  }

  /** Shows so many times as much around a page. */
  zoom(page, times) {
    const pages = 2 ** Math.floor(Math.log2(this.view.pages * times));
    this.around(page, Math.max(REGION, pages));
  }

  around(page, pages) { this.show({from: Math.floor(page / pages) * pages, pages}); }

  pan(direction) {
    const from = this.view.from + direction * this.view.pages;
    if (from >= this.whole.from - this.view.pages + 1 && from < this.whole.from + this.whole.pages) {
      this.show({from, pages: this.view.pages});
    }
  }

  /** Opens a cell: one of several regions, or a region. */
  open(page) {
    if (page !== null && this.grid.cell > 1) this.around(page, this.grid.cell);
  }

  goTo(text) {
    try {
      this.around(Number(BigInt(text.trim()) >> 12n), REGION);
    } catch {
      this.address.value = '';
    }
  }

  layout(width) {
    const {from, pages} = this.view;
    let cell = pages <= REGION ? 1 : REGION;
    while (pages / cell > MOST_CELLS) cell *= 2;
    const first = Math.floor(from / cell) * cell;
    const count = Math.ceil((from + pages - first) / cell);
    const columns = count <= 512 ? 32 : count <= 2048 ? 64 : 128;
    const gutter = 86;
    const side = Math.min(18, (width - gutter) / columns);
    return {first, cell, count, columns, gutter, side, rows: Math.ceil(count / columns)};
  }

  cellAt(canvas, event) {
    const box = canvas.getBoundingClientRect(), g = this.layout(box.width);
    const column = Math.floor((event.clientX - box.left - g.gutter) / g.side);
    const row = Math.floor((event.clientY - box.top) / g.side);
    const cell = row * g.columns + column;
    return column < 0 || column >= g.columns || cell < 0 || cell >= g.count ? null : g.first + cell * g.cell;
  }

  // -------------------------------------------------------------- drawing

  draw() {
    const style = getComputedStyle(document.documentElement);
    const color = name => style.getPropertyValue('--' + name).trim();
    this.colors = {
      leaf: LEAF_CLASSES.map((_, i) => rgb(color('leaf' + i))),
      some: color('some'), shared: color('shared'), small: color('small'), text: color('text'), faint: color('faint'),
    };
    this.figures.forEach(figure => this.drawOne(figure));
    const {from, pages} = this.view;
    const cell = this.grid.cell;
    this.window.textContent = hex(from) + ' \u2013 ' + hex(from + pages) + ', ' + bytes(pages * 4096) + '; a cell is '
      + (cell === 1 ? 'a page' : cell === REGION ? 'a region of 2 MiB' : bytes(cell * 4096));
    const isWhole = this.view === this.whole;
    this.out.disabled = this.all.disabled = this.left.disabled = this.right.disabled = isWhole;
    this.moment.textContent = this.describe();
  }

  describe() {
    if (this.step === 0) return 'Before the first event';
    const {line, kind, page, bytes: length} = this.events[this.step - 1];
    return 'After event ' + count(this.event) + ' of ' + count(this.data.events) + ' \u2014 line ' + count(line) + ': '
      + kind + ' ' + hex(page) + (length > 1 ? ', ' + bytes(length) : '');
  }

  drawOne({layer, canvas, counts}) {
    const width = canvas.parentElement.clientWidth;
    const g = this.grid = this.layout(width);
    const height = Math.ceil(g.rows * g.side) + 2;
    const scale = Math.max(window.devicePixelRatio || 1, document.documentElement.classList.contains('printing') ? 3 : 1);
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = height + 'px';
    const context = canvas.getContext('2d');
    context.scale(scale, scale);
    const cells = this.tally(layer.runs, g);
    const pixel = value => Math.round(value * scale) / scale;
    const gap = g.side >= 4 ? 1 / Math.min(scale, 2) : 0;
    for (let i = 0; i < g.count; i++) {
      const column = i % g.columns, row = Math.floor(i / g.columns);
      const x = pixel(g.gutter + column * g.side), y = pixel(row * g.side);
      const wide = pixel(g.gutter + (column + 1) * g.side) - x - gap, tall = pixel((row + 1) * g.side) - y - gap;
      context.fillStyle = this.blend(cells, i);
      context.fillRect(x, y, wide, tall);
      const foot = this.foot(cells, i, g.cell);
      if (foot) {
        const high = foot === this.colors.small ? 1 : Math.max(1, pixel(tall * .38));
        context.fillStyle = foot;
        context.fillRect(x, y + tall - high, wide, high);
      }
    }
    this.drawLeaves(context, layer.runs, g);
    this.drawEvent(context, g);
    this.drawAddresses(context, g);
    const found = survey(layer.runs, this.view.from, this.view.from + this.view.pages);
    counts.textContent = classCounts(found.leaves)
      + (layer.steps < this.step ? ' (noted up to event ' + count(layer.steps * this.data.stepLength) + ')' : '');
  }

  /** For each cell the pages of each class of leaf, and of each state. */
  tally(runs, g) {
    const leaf = new Float64Array(g.count * 6), shared = new Float64Array(g.count), large = new Float64Array(g.count);
    runs.over(g.first, g.first + g.count * g.cell, (from, end, value) => {
      const kind = classOf(value & SIZE);
      for (let at = from; at < end;) {
        const i = Math.floor((at - g.first) / g.cell);
        const next = Math.min(end, g.first + (i + 1) * g.cell);
        leaf[i * 6 + kind] += next - at;
        if (value & SHARED) shared[i] += next - at;
        if (value & LARGE) large[i] += next - at;
        at = next;
      }
    });
    return {leaf, shared, large};
  }

  /** In a cell of several kinds the rare ones count for more than their share, so that they are seen. */
  blend({leaf}, i) {
    let r = 0, g = 0, b = 0, sum = 0;
    for (let kind = 0; kind < 6; kind++) {
      const weight = Math.cbrt(leaf[i * 6 + kind]);
      if (weight > 0) {
        const color = this.colors.leaf[kind];
        r += weight * color[0]; g += weight * color[1]; b += weight * color[2];
        sum += weight;
      }
    }
    return 'rgb(' + Math.round(r / sum) + ',' + Math.round(g / sum) + ',' + Math.round(b / sum) + ')';
  }

  foot({leaf, shared, large}, i, pages) {
    if (!this.data.hasRmp) return null;
    if (shared[i] > 0) return shared[i] < pages ? this.colors.some : this.colors.shared;
    return large[i] < pages && leaf[i * 6] < pages ? this.colors.small : null;
  }

  /** In a single region, an outline around each leaf. */
  drawLeaves(context, runs, g) {
    if (g.cell !== 1) return;
    context.strokeStyle = this.colors.text;
    context.lineWidth = 1;
    runs.over(g.first, g.first + g.count, (from, end, value) => {
      const pages = 2 ** ((value & SIZE) - 12);
      if ((value & SIZE) === 0) return;
      for (let at = Math.floor(from / pages) * pages; at < end; at += pages) {
        const first = Math.max(at, g.first) - g.first, last = Math.min(at + pages, g.first + g.count) - g.first - 1;
        this.outline(context, g, first, last);
      }
    });
  }

  /** Where the last event was, if that is not everywhere. */
  drawEvent(context, g) {
    if (this.step === 0) return;
    const {page, bytes: length} = this.events[this.step - 1];
    const first = Math.floor((page - g.first) / g.cell);
    const last = Math.floor((page + Math.ceil(length / 4096) - 1 - g.first) / g.cell);
    if (last < 0 || first >= g.count || last - first > g.count / 2) return;
    context.strokeStyle = this.colors.text;
    context.lineWidth = 2;
    this.outline(context, g, Math.max(0, first), Math.min(last, g.count - 1));
  }

  /** Around cells in order, which may begin and end in the middle of a row. */
  outline(context, g, first, last) {
    const x = column => g.gutter + column * g.side - .5, y = row => row * g.side - .5;
    const left = first % g.columns, right = last % g.columns + 1;
    const top = Math.floor(first / g.columns), bottom = Math.floor(last / g.columns);
    if (top === bottom) {
      context.strokeRect(x(left), y(top), (right - left) * g.side, g.side);
      return;
    }
    context.beginPath();
    context.moveTo(x(left), y(top));
    context.lineTo(x(g.columns), y(top));
    context.lineTo(x(g.columns), y(bottom));
    context.lineTo(x(right), y(bottom));
    context.lineTo(x(right), y(bottom + 1));
    context.lineTo(x(0), y(bottom + 1));
    context.lineTo(x(0), y(top + 1));
    context.lineTo(x(left), y(top + 1));
    context.closePath();
    context.stroke();
  }

  drawAddresses(context, g) {
    context.fillStyle = this.colors.faint;
    context.font = '10px ui-monospace, "DejaVu Sans Mono", monospace';
    context.textAlign = 'right';
    context.textBaseline = 'top';
    const every = Math.max(1, Math.ceil(13 / g.side));
    for (let row = 0; row < g.rows; row += every * Math.max(1, Math.ceil(g.rows / every / 12))) {
      context.fillText(hex(g.first + row * g.columns * g.cell), g.gutter - 6, row * g.side);
    }
  }

  // -------------------------------------------------------------- hovering

  hover(layer, page, event) {
    this.tip.hidden = page === null;
    if (page === null) return;
    this.tip.replaceChildren();
    const cell = this.grid.cell, end = page + cell;
    const title = cell === 1 ? 'page ' + (page % REGION) + ' of region ' + hex(page - page % REGION)
      : cell === REGION ? 'region of 2 MiB' : count(cell / REGION) + ' regions';
    element('b', {text: hex(page) + ' \u2013 ' + hex(end), parent: this.tip});
    this.tip.append(' ' + title);
    for (const one of this.layers) {
      element('div', {class: one === layer ? 'here' : '', parent: this.tip,
        text: one.policy + ': ' + this.words(survey(one.runs, page, end), cell)});
    }
    const box = this.tip.getBoundingClientRect();
    this.tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + 'px';
    this.tip.style.top = (event.clientY + 18 + box.height > innerHeight
      ? event.clientY - box.height - 10 : event.clientY + 18) + 'px';
  }

  words({leaves, mapped, shared, large}, pages) {
    let text = mapped === 0 ? 'not mapped' : leafCounts(leaves);
    if (mapped > 0 && mapped < pages) text += ', ' + count(pages - mapped) + ' pages not mapped';
    if (!this.data.hasRmp) return text;
    if (pages === 1) return text + '; ' + (shared ? 'shared' : 'private');
    const entries = large === pages ? 'RMP entries of 2M' : large > 0 ? 'RMP entries of 2M and 4K' : 'RMP entries of 4K';
    const states = shared === pages ? 'all shared' : shared > 0 ? count(shared) + ' of ' + count(pages) + ' pages shared'
      : 'private';
    return text + '; ' + states + (shared === pages ? '' : ', ' + entries);
  }
}

const leafCounts = leaves => {
  const parts = [...leaves].sort((a, b) => a[0] - b[0]).map(([log2, number]) => count(number) + ' \u00d7 ' + leafName(log2));
  const shown = parts.length > 8 ? parts.slice(0, 8).concat('\u2026') : parts;
  return shown.length ? 'leaves ' + shown.join(', ') : 'nothing mapped';
};

const classCounts = leaves => {
  const counts = new Array(LEAF_CLASSES.length).fill(0);
  leaves.forEach((number, log2) => { counts[classOf(log2)] += number; });
  const parts = LEAF_CLASSES.map((name, i) => count(counts[i]) + ' \u00d7 ' + name).filter((_, i) => counts[i] > 0);
  return parts.length ? parts.join(', ') : 'nothing mapped';
};

function rgb(color) {
  const value = parseInt(color.slice(1), 16);
  return [value >> 16, value >> 8 & 255, value & 255];
}
