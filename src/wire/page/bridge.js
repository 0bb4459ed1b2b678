// The MRR bridge: a table whose rows are the steps of a waterfall.

import { by, fill, figure, h } from './dom.js';
import { compactMoney, count, decimal, micros, money } from './format.js';
import { unknown } from './gauges.js';

const STEPS = [
  ['opening', 'Opening', 0n],
  ['new', 'New', 1n],
  ['reactivation', 'Reactivation', 1n],
  ['expansion', 'Expansion', 1n],
  ['contraction', 'Contraction', -1n],
  ['churn', 'Churn', -1n],
  ['closing', 'Closing', 0n],
];

/** Draws the bridge of a window; null while there is none. */
export function bridge(window, currency) {
  const { rows, low, high } = window ? levels(window.mrr) : { rows: [], low: 0n, high: 1n };
  const body = STEPS.map(([key, name, sign], at) => {
    const amount = window && decimal(sign === -1n ? -micros(window.mrr[key]) : micros(window.mrr[key]));
    return h(
      'tr',
      { class: `step ${key}` },
      h('th', { scope: 'row' }, name),
      h('td', { class: 'chart' }, window && steps(rows, at, low, high)),
      h('td', { class: 'number' }, window ? figure(amount, money(amount, currency, sign !== 0n)) : unknown()),
      h('td', { class: 'number' }, window ? people(window.customers[key], sign) : unknown()),
    );
  });
  fill(by('bridge-body'), body);
  const note = low > 0n ? `Bars begin at ${compactMoney(decimal(low), currency)}, not at 0, so that movements can be seen.` : '';
  fill(by('bridge-note'), note);
}

/** Contracted and expanded customers stay, so only some steps have a sign. */
const people = (value, sign) => figure(value, count(value), sign);

/** From where to where each step goes, and the ends of the scale. */
function levels(mrr) {
  let level = micros(mrr.opening);
  const rows = STEPS.map(([key, , sign]) => {
    const amount = micros(mrr[key]);
    if (sign === 0n) return [0n, amount];
    const from = level;
    level += sign * amount;
    return [from, level];
  });
  const all = rows.flatMap(([from, to], at) => (STEPS[at][2] === 0n ? [to] : [from, to]));
  const [least, most] = [all.reduce((a, b) => (a < b ? a : b)), all.reduce((a, b) => (a > b ? a : b))];
  const range = most - least;
  // Where movements are small beside the opening, a bar from 0 would hide them.
  const cut = least - range / 2n;
  const low = range > 0n && cut > 0n ? cut : 0n;
  return { rows, low, high: most > low ? most : low + 1n };
}

/** One step, and the thread that leads to the next. */
function steps(rows, at, low, high) {
  const place = (level) => Number(((level < low ? low : level) - low) * 100_000n / (high - low)) / 1000;
  const [from, to] = rows[at].map(place);
  const [x, width] = [Math.min(from, to), Math.max(Math.abs(to - from), 0.4)];
  const kind = STEPS[at][2] === 0n ? 'total' : STEPS[at][2] > 0n ? 'gain' : 'loss';
  return h(
    'svg',
    { class: 'bars', 'aria-hidden': 'true', width: '100%', height: 30 },
    at > 0 && h('line', { x1: `${from || to}%`, x2: `${from || to}%`, y1: 0, y2: 7, class: 'thread' }),
    h('rect', { x: `${Math.min(x, 99.6)}%`, width: `${width}%`, y: 7, height: 16, class: kind }),
    at < rows.length - 1 && h('line', { x1: `${to}%`, x2: `${to}%`, y1: 23, y2: 30, class: 'thread' }),
  );
}

