// Expansion and contraction by motion: why customers pay more, and why they pay less.

import { absent, by, fill, figure, h } from './dom.js';
import { decimal, micros, money, percent } from './format.js';
import { unknown } from './gauges.js';

const MOTIONS = [
  ['upsell', 'Upsell', 'a dearer plan'],
  ['cross_sell', 'Cross-sell', 'another product'],
  ['seats', 'Seats', 'more of the same'],
  ['usage', 'Usage', 'a higher run rate'],
  ['price', 'Price', 'same plan and quantity'],
];

/** Draws the motions of a window; null while there is none. */
export function motions(window, currency) {
  const [gains, losses] = [window?.expansion_by_motion, window?.contraction_by_motion];
  const opening = window ? micros(window.mrr.opening) : 0n;
  const sizes = window ? MOTIONS.flatMap(([key]) => [micros(gains[key]), micros(losses[key])]) : [];
  const most = sizes.reduce((a, b) => (a > b ? a : b), 1n);
  const rows = MOTIONS.map(([key, name, hint]) => {
    const loss = window && decimal(-micros(losses[key]));
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, name, h('small', {}, hint)),
      h('td', { class: 'chart' }, window && pair(micros(gains[key]), micros(losses[key]), most)),
      h('td', { class: 'number' }, window ? figure(gains[key], money(gains[key], currency, true)) : unknown()),
      h('td', { class: 'number' }, !window ? unknown() : opening === 0n ? absent() : rate(micros(gains[key]), opening)),
      h('td', { class: 'number' }, window ? figure(loss, money(loss, currency, true)) : unknown()),
    );
  });
  fill(by('motions-body'), rows);
}

/** The report has no rate of a motion: one division of exact sums, as everywhere. */
function rate(gain, opening) {
  const value = Number((gain * 10_000_000_000_000n) / opening) / 1e13;
  return figure(value, percent(value));
}

function pair(gain, loss, most) {
  const width = (size) => `${Number((size * 100_000n) / most) / 1000}%`;
  return h(
    'svg',
    { class: 'bars', 'aria-hidden': 'true', width: '100%', height: 30 },
    h('rect', { x: 0, width: width(gain), y: 5, height: 11, class: 'gain' }),
    h('rect', { x: 0, width: width(loss), y: 19, height: 6, class: 'loss' }),
  );
}
