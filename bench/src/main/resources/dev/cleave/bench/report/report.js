'use strict';
/* Draws the page from its data: a Report of dev.cleave.bench.report. */
const SERIES_COLORS = 10;

function element(name, options = {}) {
  const {text, parent, ...attributes} = options;
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made[key] = value;
    else if (typeof value === 'boolean') made[key] = value;
    else made.setAttribute(key, value);
  }
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

// ---------------------------------------------------------------- numbers

const count = value => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');

/** Three digits that count, or all of a larger number. */
function number(value) {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return count(value);
  const text = value.toPrecision(3);
  return text.includes('e') || !text.includes('.') ? text : text.replace(/\.?0+$/, '');
}

function scaled(value, base, units) {
  let unit = 0;
  while (Math.abs(value) >= base && unit < units.length - 1) { value /= base; unit++; }
  return number(value) + '\u00a0' + units[unit];
}

const bytes = value => scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']);
const nanos = value => scaled(value, 1000, ['ns', '\u00b5s', 'ms', 's']);

function percentile(value) {
  const digits = Math.max(0, Math.ceil(-Math.log10(1 - value / 100)) - 1);
  return value >= 100 ? '100\u00a0%' : parseFloat(value.toFixed(Math.min(digits, 4))) + '\u00a0%';
}

const FORMATS = {
  COUNT: number, BYTES: bytes, NANOS: nanos, PERCENTILE: percentile,
  PART: value => number(value * 100) + '\u00a0%', RATIO: value => number(value),
};
const format = (value, unit) => value === null ? '\u2013' : FORMATS[unit](value);

/** Where a percentile stands: each nine as far as the last. */
const nines = value => -Math.log10(1 - value / 100);

// ---------------------------------------------------------------- summary

function buildSummary(report, page) {
  document.title = report.title;
  element('p', {class: 'kind', text: report.title, parent: page});
  element('h1', {text: report.question, parent: page});
  if (report.sentences.length > 0) {
    const findings = element('ol', {id: 'findings', class: 'findings', parent: page});
    report.sentences.forEach(text => element('li', {text, parent: findings}));
  }
  buildTable(report.summary, 'summary', page);
  if (report.details !== null) {
    element('h2', {text: 'Devices by kind', parent: page});
    buildTable(report.details, 'details', page);
  }
  const facts = element('div', {class: 'facts', parent: page});
  buildFacts('Input', report.input, facts);
  const {machine, command: line, ...made} = report.provenance;
  if (made.seed === null || made.seed === undefined) delete made.seed;
  buildFacts('Made by', made, facts);
  buildFacts('Machine', machine, facts);
  const command = element('div', {class: 'command', parent: page});
  element('code', {id: 'command', text: line, parent: command});
  copyButton('Copy command', () => line, command);
}

function buildTable(summary, id, page) {
  const isPolicies = summary.subject === 'Policy';
  const scroll = element('div', {class: 'scroll', parent: page});
  const table = element('table', {id, class: isPolicies ? '' : 'names-long', parent: scroll});
  const head = element('tr', {parent: element('thead', {parent: table})});
  element('th', {text: summary.subject, parent: head});
  const isZero = summary.columns.map((_, j) => summary.rows.every(row => row.cells[j].value === 0));
  const shown = summary.columns.filter((_, j) => !isZero[j]);
  shown.forEach(column => element('th', {text: column.name, title: column.note, 'data-key': column.key, parent: head}));
  const body = element('tbody', {parent: table});
  summary.rows.forEach((row, i) => {
    const line = element('tr', {'data-name': row.name, parent: body});
    const name = element('th', {parent: line});
    if (isPolicies) element('i', {class: 'key', style: 'background: var(--s' + i % SERIES_COLORS + ')', parent: name});
    name.append(row.name);
    row.cells.forEach((cell, j) => {
      if (isZero[j]) return;
      const column = summary.columns[j];
      element('td', {
        text: format(cell.value, column.unit), class: cell.isMarked ? 'best' : '', 'data-key': column.key,
        'data-value': cell.value === null ? '' : cell.value, title: cell.isMarked ? summary.mark : '', parent: line,
      });
    });
  });
  if (shown.length > MOST_PRINTED_COLUMNS) buildTurned(summary, isZero, table, scroll);
  const note = element('p', {id: id + '-note', class: 'note', parent: page});
  const zero = summary.columns.filter((_, j) => isZero[j]).map(column => column.name);
  note.append('Marked: ' + summary.mark + '. ' + (zero.length > 0 ? 'Nothing but 0: ' + zero.join(', ') + '. ' : ''));
  copyButton('Copy CSV', () => csv([[summary.subject, ...summary.columns.map(column => column.name)],
    ...summary.rows.map(row => [row.name, ...row.cells.map(cell => cell.value)])]), note);
  buildGlossary(summary.columns, id === 'summary' ? 'glossary' : id + '-glossary', page);
}

/** For paper, where so many columns find no room: a row for each figure instead. */
const MOST_PRINTED_COLUMNS = 18;

function buildTurned(summary, isZero, table, parent) {
  table.classList.add('no-print');
  const turned = element('table', {class: 'only-print', parent});
  const head = element('tr', {parent: element('thead', {parent: turned})});
  element('th', {text: '', parent: head});
  summary.rows.forEach(row => element('th', {text: row.name, parent: head}));
  const body = element('tbody', {parent: turned});
  summary.columns.forEach((column, j) => {
    if (isZero[j]) return;
    const line = element('tr', {parent: body});
    element('th', {text: column.name, parent: line});
    summary.rows.forEach(row => element('td', {
      text: format(row.cells[j].value, column.unit), class: row.cells[j].isMarked ? 'best' : '', parent: line,
    }));
  });
}

/** What every column says, also those that are left out; for print and touch, which have no tooltips. */
function buildGlossary(columns, id, page) {
  const box = element('div', {id, class: 'glossary', parent: page});
  element('h3', {text: 'What the columns say', parent: box});
  const list = element('dl', {parent: box});
  const told = new Set();
  for (const {name, key, note} of columns) {
    if (told.has(name)) continue;
    told.add(name);
    element('dt', {text: name === key ? name : name + ' (' + key + ')', parent: list});
    element('dd', {text: note, parent: list});
  }
}

function buildFacts(title, facts, parent) {
  const box = element('div', {parent});
  element('h3', {text: title, parent: box});
  const list = element('dl', {parent: box});
  for (const [name, value] of Object.entries(facts)) {
    const isRecords = Array.isArray(value) && typeof value[0] === 'object';
    for (const one of isRecords ? value : [value]) {
      element('dt', {text: words(name), parent: list});
      const text = fact(name, one);
      element('dd', {text, class: text.length > 300 ? 'long' : '', parent: list});
    }
  }
}

const words = name => name === 'vTom' ? 'vTOM' : ['rmp', 'os', 'jdk'].includes(name) ? name.toUpperCase()
  : name.replace(/[A-Z]/g, letter => ' ' + letter.toLowerCase());

function fact(name, value) {
  if (name === 'flags' || name === 'jvmFlags') return value.join(' ');
  if (Array.isArray(value)) return value.length > 8 ? value[0] + ' \u2026 ' + value.at(-1) : value.join(', ');
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).map(([key, one]) => key === 'file' ? one : count(one) + ' ' + words(key)).join(', ');
  }
  if (name === 'memoryBytes') return bytes(value);
  if (name === 'guestMemory') return value === 0 ? '\u2013' : bytes(value);
  return value === true ? 'yes' : value === false ? 'no' : String(value);
}

// ---------------------------------------------------------------- copying

const csv = rows => rows.map(row => row.map(field => {
  const text = field === null || field === undefined ? '' : String(field);
  return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}).join(',')).join('\n') + '\n';

function copyButton(text, content, parent) {
  const button = element('button', {text, parent, onclick: async () => {
    await copy(content());
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = text; }, 1500);
  }});
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // where a page from a file may not
    const area = element('textarea', {parent: document.body});
    area.value = text;
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

/** A row for each place, a column for each series; a chart that has several variants says which. */
function chartRows(chart) {
  const hasVariants = chart.variants.length > 1;
  const names = [...new Set(chart.variants.flatMap(variant => variant.series.map(series => series.name)))];
  const hasErrors = chart.variants.some(variant => variant.series.some(series => series.errors));
  const rows = [[...hasVariants ? ['variant'] : [], chart.across.name, ...names, ...hasErrors ? ['error'] : []]];
  for (const variant of chart.variants) {
    (variant.names || variant.places).forEach((place, i) => {
      const values = names.map(name => variant.series.find(series => series.name === name)?.values[i]);
      const errors = hasErrors ? [variant.series[0].errors[i]] : [];
      rows.push([...hasVariants ? [variant.name] : [], place, ...values, ...errors]);
    });
  }
  return rows;
}

// ---------------------------------------------------------------- charts

const charts = [];

function buildSection(section, page) {
  element('h2', {text: section.title, parent: page});
  element('p', {class: 'note', text: section.text, parent: page});
  const grid = element('div', {class: 'charts' + (section.charts.length === 3 ? ' three' : ''), parent: page});
  section.charts.forEach(chart => charts.push(new ChartBox(chart, grid, section.charts.length === 1)));
}

class ChartBox {
  constructor(chart, parent, isAlone) {
    this.chart = chart;
    this.variant = chart.variants[0];
    const isLong = chart.shape === 'LYING_BARS' || chart.variants.length > 1;
    const box = element('section', {class: 'chart' + (isAlone || isLong ? ' wide' : ''), id: 'chart-' + chart.id, parent});
    const header = element('header', {parent: box});
    element('h3', {text: chart.title, parent: header});
    if (chart.variants.length > 1) {
      const select = element('select', {'aria-label': 'What to show', parent: header, onchange: () => {
        this.variant = chart.variants[select.selectedIndex];
        this.draw();
      }});
      chart.variants.forEach(variant => element('option', {text: variant.name, parent: select}));
    }
    copyButton('Copy CSV', () => csv(chartRows(chart)), header);
    element('p', {class: 'note', text: chart.note, parent: box});
    this.plot = element('div', {class: 'plot', parent: box});
    this.plot.chart = this;
    if (chart.shape === 'LYING_BARS') {
      const bars = this.variant.names.length * (this.variant.series.length > 1 ? 34 : 24);
      this.plot.style.height = bars + 90 + 'px';
    }
  }

  draw() {
    if (!this.drawn) this.drawn = echarts.init(this.plot);
    this.drawn.resize();
    this.drawn.setOption(this.option(), true);
    if (this.event !== undefined) this.markEvent(this.event);
  }

  option() {
    const {chart, variant} = this, colors = theme();
    const isLying = chart.shape === 'LYING_BARS', isBars = isLying || chart.shape === 'BARS';
    const up = this.axis(chart.up, null, colors);
    const across = this.axis(chart.across, variant.names, colors);
    if (isLying) {
      across.inverse = true;
      across.name = '';
      Object.assign(across.axisLabel, {width: 400, overflow: 'truncate', interval: 0});
      Object.assign(up, {nameLocation: 'middle', nameGap: 28});
    } else {
      Object.assign(across, {nameLocation: 'middle', nameGap: 28});
    }
    return {
      animation: false,
      color: colors.series,
      textStyle: {fontFamily: 'inherit', color: colors.text},
      grid: {left: 8, right: 28, top: variant.series.length > 1 ? 58 : 34, bottom: 34, containLabel: true},
      legend: variant.series.length > 1 ? {top: 2, type: 'scroll', icon: 'roundRect', itemWidth: 14, itemHeight: 8, textStyle: {color: colors.text}, pageTextStyle: {color: colors.text}} : undefined,
      tooltip: {
        trigger: 'axis', axisPointer: {type: isBars ? 'shadow' : 'line'}, confine: true,
        backgroundColor: colors.ground, borderColor: colors.line, textStyle: {color: colors.text, fontSize: 12},
        formatter: points => this.tip(points),
      },
      xAxis: isLying ? up : across,
      yAxis: isLying ? across : up,
      series: [...variant.series.map((series, i) => this.series(series, i, colors)), ...this.errors(colors)],
    };
  }

  axis(axis, names, colors) {
    const made = {
      type: names ? 'category' : axis.isLogarithmic ? 'log' : 'value',
      name: axis.unit === 'PERCENTILE' ? 'percentile' : axis.name,
      nameTextStyle: {color: colors.faint, align: names === null ? 'left' : undefined},
      axisLine: {lineStyle: {color: colors.line}}, splitLine: {lineStyle: {color: colors.line, opacity: .6}},
      axisLabel: {color: colors.faint, hideOverlap: true},
    };
    if (names) return Object.assign(made, {data: names, splitLine: {show: false}});
    if (axis.isLogarithmic) made.logBase = axis.unit === 'BYTES' ? 2 : 10;
    made.axisLabel.formatter = value => axis.unit === 'PERCENTILE' ? percentile(100 * (1 - 10 ** -value)) : format(value, axis.unit);
    if (axis === this.chart.across && !axis.isLogarithmic) {
      made.splitLine.show = false;
      made.max = axis.unit === 'PERCENTILE' ? 5 : 'dataMax';
    }
    if (axis.unit === 'RATIO') made.scale = true;
    if (axis.unit === 'PART') made.min = 0;
    return made;
  }

  place(i) {
    const {names, places} = this.variant;
    return names ? names[i] : this.chart.across.unit === 'PERCENTILE' ? nines(places[i]) : places[i];
  }

  series(series, i, colors) {
    const {chart, variant} = this, isBars = chart.shape === 'LYING_BARS' || chart.shape === 'BARS';
    const value = at => {
      const raw = series.values[at];
      return raw === undefined || raw === null || (chart.up.isLogarithmic && raw <= 0) ? null : raw;
    };
    const places = variant.names || variant.places;
    const made = isBars
      ? {type: 'bar', barMaxWidth: 26, data: places.map((_, at) => value(at))}
      : {type: 'line', data: places.map((_, at) => [this.place(at), value(at)]),
         step: chart.shape === 'STEPS' ? 'end' : false, showSymbol: places.length <= 20, symbolSize: 7, connectNulls: true};
    made.name = series.name;
    made.lineStyle = {width: 2, type: series.style.toLowerCase()};
    made.itemStyle = {color: colors.series[i % SERIES_COLORS]};
    made.emphasis = {disabled: true};
    if (chart.limit !== null && i === 0) {
      made.markLine = {
        silent: true, symbol: 'none', lineStyle: {color: colors.text, type: 'solid', width: 1.5},
        label: {formatter: 'limit', color: colors.text, position: chart.shape === 'LYING_BARS' ? 'start' : 'end'},
        data: [chart.shape === 'LYING_BARS' ? {xAxis: chart.limit} : {yAxis: chart.limit}],
      };
    }
    return made;
  }

  /** Whiskers of bars that lie. */
  errors(colors) {
    const [{values, errors}] = this.variant.series;
    if (!errors) return [];
    return [{
      type: 'custom', name: 'error', z: 5, clip: true, tooltip: {show: false}, silent: true,
      data: values.map((value, i) => [value - errors[i], value + errors[i], i]).filter(([from, to]) => to > from), encode: {x: [0, 1], y: 2},
      renderItem: (_, api) => {
        const from = api.coord([api.value(0), api.value(2)]), to = api.coord([api.value(1), api.value(2)]);
        const line = (x1, y1, x2, y2) => ({type: 'line', shape: {x1, y1, x2, y2}, style: {stroke: colors.text, lineWidth: 1.5}});
        return {type: 'group', children: [line(from[0], from[1], to[0], to[1]),
          line(from[0], from[1] - 4, from[0], from[1] + 4), line(to[0], to[1] - 4, to[0], to[1] + 4)]};
      },
    }];
  }

  tip(points) {
    const {chart, variant} = this, at = points[0].dataIndex;
    const place = variant.names ? variant.names[at] : format(variant.places[at], chart.across.unit);
    const box = element('div');
    element('b', {text: (variant.names ? '' : chart.across.name + ' ') + place, parent: box});
    for (const series of variant.series) {
      const value = series.values[at];
      if (value === undefined || value === null) continue;
      const error = series.errors ? ' \u00b1 ' + format(series.errors[at], chart.up.unit) : '';
      element('div', {text: series.name + ': ' + format(value, chart.up.unit) + error, parent: box});
    }
    return box;
  }

  /** Marks the moment that the maps show. */
  markEvent(event) {
    this.event = event;
    if (!this.drawn || this.chart.across.name !== 'event') return;
    this.drawn.setOption({series: [{markLine: {
      silent: true, symbol: 'none', animation: false, label: {show: false},
      lineStyle: {color: theme().faint, type: 'dashed', width: 1.5}, data: [{xAxis: event}]}}]});
  }
}

function theme() {
  const style = getComputedStyle(document.documentElement);
  const color = name => style.getPropertyValue('--' + name).trim();
  return {
    ground: color('ground'), text: color('text'), faint: color('faint'), line: color('line'),
    series: Array.from({length: SERIES_COLORS}, (_, i) => color('s' + i)),
  };
}

// ---------------------------------------------------------------- page

async function build() {
  const report = JSON.parse(document.getElementById('data').textContent);
  const page = document.getElementById('page');
  buildSummary(report, page);
  let maps = null;
  if (report.map !== null && report.map.policies.length > 0) {
    element('h2', {text: 'Map of guest memory', parent: page});
    element('p', {class: 'note', parent: page, text: 'Each cell is a region of 2 MiB, or several: its colour is the size of its leaves,'
      + ' its foot the state of its pages. Move the slider to see splits spread and merges heal; click a cell or turn the wheel to zoom,'
      + ' down to the 512 pages of a region. Where a cell is several regions colours are mixed, rare ones more than their share.'});
    maps = await MemoryMaps.build(report.map, element('section', {id: 'map', parent: page}));
  }
  report.sections.forEach(section => buildSection(section, page));
  const drawAll = () => {
    if (maps) maps.draw();
    charts.forEach(chart => chart.draw());
  };
  drawAll(); // whole, since who prints or captures the page does not scroll
  if (maps) {
    let waiting = false;
    maps.listeners.push(event => {
      charts.forEach(chart => { chart.event = event; });
      if (waiting) return;
      waiting = true;
      setTimeout(() => { waiting = false; charts.forEach(chart => chart.markEvent(chart.event)); }, 80);
    });
  }
  const print = isPrinting => {
    document.documentElement.classList.toggle('printing', isPrinting);
    drawAll();
  };
  matchMedia('print').addEventListener('change', query => print(query.matches));
  window.addEventListener('beforeprint', () => print(true));
  window.addEventListener('afterprint', () => print(false));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawAll());
  window.addEventListener('resize', () => charts.forEach(chart => chart.drawn?.resize()));
  document.documentElement.dataset.ready = Math.round(performance.now()); // ms since the page was opened
}

build();
