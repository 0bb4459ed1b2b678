// Segments of one dimension as bars, sorted by any column.

import { absent, by, fill, figure, h, said } from './dom.js';
import { count, micros, money, percent, title } from './format.js';

/** Rows before the reader asks for all. */
const FEW = 10;

const COLUMNS = [
  { key: 'value', name: 'Segment', of: (segment) => segment.value, text: true },
  { key: 'expansion_rate', name: 'Expansion rate', of: (segment) => segment.rates.expansion_rate, show: percent },
  { key: 'expansion', name: 'Expansion', of: (segment) => segment.mrr.expansion, money: true, sign: true },
  { key: 'expansion_growth', name: 'Growth', of: (segment) => segment.rates.expansion_growth, show: (value) => percent(value, true) },
  { key: 'net_revenue_retention', name: 'NRR', of: (segment) => segment.rates.net_revenue_retention, show: percent },
  { key: 'gross_revenue_retention', name: 'GRR', of: (segment) => segment.rates.gross_revenue_retention, show: percent },
  { key: 'opening', name: 'Opening', of: (segment) => segment.mrr.opening, money: true },
  { key: 'closing', name: 'Closing', of: (segment) => segment.mrr.closing, money: true },
  { key: 'customers', name: 'Customers', of: (segment) => segment.customers.closing, show: count },
];
const GLYPHS = { strong: '▲', moderate: '◆', lagging: '▼' };

const chosen = { dimension: null, column: 'closing', down: true, all: false };

/** Lets the reader choose dimension, order and length; `again` draws anew. */
export function choices(again) {
  by('segments').addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.dataset.column) {
      const same = chosen.column === button.dataset.column;
      const text = COLUMNS.find((column) => column.key === button.dataset.column).text;
      Object.assign(chosen, { column: button.dataset.column, down: same ? !chosen.down : !text });
    } else if (button.id === 'segments-all') {
      chosen.all = !chosen.all;
    }
    again();
  });
  by('segments').addEventListener('change', (event) => {
    if (event.target.name === 'dimension') Object.assign(chosen, { dimension: event.target.value, all: false });
    again();
  });
}

/** Draws the segments of a window; null while there is none. */
export function segments(window, currency) {
  const dimensions = [...new Set((window?.segments ?? []).map((segment) => segment.dimension))];
  by('segments').hidden = window !== null && dimensions.length === 0;
  if (!dimensions.includes(chosen.dimension)) chosen.dimension = preferred(dimensions);
  fill(by('dimensions'), dimensions.map(option));
  fill(by('segments-head'), COLUMNS.map(heading));
  const all = (window?.segments ?? []).filter((segment) => segment.dimension === chosen.dimension).sort(order());
  const rows = chosen.all ? all : all.slice(0, FEW);
  const most = all.reduce((a, b) => Math.max(a, Math.abs(size(b) ?? 0)), 0);
  fill(by('segments-body'), rows.length > 0 ? rows.map((segment) => row(segment, most, currency)) : nothing(window));
  const label = chosen.all ? 'Show fewer' : `Show all ${count(all.length)}`;
  fill(by('segments-more'), all.length > FEW && h('button', { type: 'button', id: 'segments-all' }, label));
}

/** Attributes of the business say more than the month of sign-up. */
const preferred = (dimensions) => dimensions.find((name) => name !== 'cohort' && name !== 'plan') ?? dimensions[0] ?? null;

const option = (name) =>
  h(
    'label',
    {},
    h('input', { type: 'radio', name: 'dimension', value: name, checked: name === chosen.dimension }),
    h('span', {}, title(name)),
  );

function heading(column) {
  const sorted = column.key === chosen.column;
  const direction = sorted ? (chosen.down ? 'descending' : 'ascending') : 'none';
  const arrow = h('span', { 'aria-hidden': 'true', class: 'arrow' }, sorted ? (chosen.down ? '↓' : '↑') : '↕');
  const button = h('button', { type: 'button', 'data-column': column.key }, column.name, ' ', arrow);
  const cell = h('th', { scope: 'col', 'aria-sort': direction, class: column.text ? '' : 'number' }, button);
  const chart = COLUMNS.find((one) => one.key === chosen.column);
  return column.text ? [cell, h('th', { scope: 'col', class: 'chart' }, said('Bar of '), chart.text ? 'Closing' : chart.name)] : cell;
}

/** What the bar of a row shows: the sorted column, or closing revenue when that is the name. */
function size(segment) {
  const column = COLUMNS.find((one) => one.key === chosen.column);
  const shown = column.text ? COLUMNS.find((one) => one.key === 'closing') : column;
  const value = shown.of(segment);
  return value === null ? null : Number(value);
}

function order() {
  const column = COLUMNS.find((one) => one.key === chosen.column);
  const sign = chosen.down ? -1 : 1;
  const exact = (segment) => (column.money ? micros(column.of(segment)) : column.of(segment));
  const collator = new Intl.Collator(undefined, { numeric: true });
  return (one, other) => {
    const [a, b] = [exact(one), exact(other)];
    // What is undefined has no place in an order: it comes last, both ways.
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * (column.text ? collator.compare(a, b) : a < b ? -1 : a > b ? 1 : 0);
  };
}

function row(segment, most, currency) {
  const cells = COLUMNS.slice(1).map((column) => {
    const value = column.of(segment);
    const text = value === null ? null : column.money ? money(value, currency, column.sign) : column.show(value);
    const band = column.key === 'expansion_rate' && segment.band;
    const glyph = band && [h('span', { class: `glyph ${band}`, 'aria-hidden': 'true' }, GLYPHS[band]), said(`${band}, `)];
    return h('td', { class: 'number', 'data-column': column.key }, value === null ? absent() : [glyph, figure(value, text)]);
  });
  const bar = size(segment);
  const width = most > 0 && bar !== null ? (Math.abs(bar) / most) * 100 : 0;
  const name = segment.value === '' ? '(empty)' : segment.value;
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, name),
    h('td', { class: 'chart' }, h('svg', { class: 'bars', 'aria-hidden': 'true', width: '100%', height: 18 }, h('rect', { x: 0, y: 3, width: `${width.toFixed(3)}%`, height: 12, class: bar < 0 ? 'loss' : 'gain' }))),
    cells,
  );
}

const nothing = (window) =>
  h('tr', {}, h('td', { colspan: COLUMNS.length + 1, class: 'unknown' }, window ? 'No segment has a customer in this window.' : 'not known yet'));
