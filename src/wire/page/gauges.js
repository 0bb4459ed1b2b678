// The headline figures: a number, the scale it lies on, and what an alert thinks of it.

import { absent, by, fill, figure, h } from './dom.js';
import { compactMoney, count, decimal, mark, micros, money, percent, plain } from './format.js';
import { instant } from './standing.js';

const BANDS = {
  strong: ['▲', () => `Strong: over ${mark(0.2)}`],
  moderate: ['◆', () => `Moderate: ${mark(0.1)} to ${mark(0.2)}`],
  lagging: ['▼', () => `Lagging: below ${mark(0.1)}`],
};

/** Ends and marks of each scale; the ends move outward when a figure lies beyond them. */
const SCALES = {
  expansion_rate: { low: 0, high: 0.4, from: 0, marks: [0.1, 0.2, 0.3], zones: [0.1, 0.2], names: [[0.05, 'lagging'], [0.15, 'moderate'], [0.25, 'strong']] },
  expansion_growth: { low: -0.5, high: 0.5, from: 0, marks: [0] },
  net_revenue_retention: { low: 0.7, high: 1.3, from: 1, marks: [1] },
  gross_revenue_retention: { low: 0.7, high: 1, from: 1, marks: [0.8, 0.9, 1] },
};

/** Draws the headline of a window of a report; null while there is none. Revenue now has a drawing of its own: {@link present}. */
export function headline(window, report, rules) {
  for (const metric of Object.keys(SCALES)) {
    const value = window?.rates[metric] ?? null;
    const thresholds = window ? thresholdsOf(metric, window.window, rules) : [];
    const signed = metric === 'expansion_growth';
    fill(by(`figure-${metric}`), window ? shown(value, signed) : unknown());
    fill(by(`note-${metric}`), window ? note(metric, window, report.currency, thresholds) : '');
    fill(by(`gauge-${metric}`), gauge(SCALES[metric], value, thresholds));
  }
  customers(window, report?.currency);
}

export const unknown = () => h('span', { class: 'unknown' }, 'not known yet');

const shown = (value, signed) => (value === null ? h('span', { class: 'unknown' }, 'undefined') : figure(value, percent(value, signed)));

function note(metric, window, currency, thresholds) {
  const alerts = thresholds.map((of) => h('span', { class: 'threshold' }, `Alert ${of.side} ${mark(of.value)}: ${of.state}`));
  return [meaning(metric, window, currency), alerts];
}

function meaning(metric, window, currency) {
  const value = window.rates[metric];
  const amount = (key) => figure(window.mrr[key], money(window.mrr[key], currency));
  if (metric === 'expansion_growth') {
    if (window.mrr.comparison_expansion === null) return h('span', {}, 'This window has no comparison window.');
    return h('span', {}, amount('expansion'), ' against ', amount('comparison_expansion'), ' before');
  }
  if (value === null) return h('span', {}, 'No customer had revenue when the window opened.');
  if (metric !== 'expansion_rate') {
    const net = metric === 'net_revenue_retention';
    return h('span', {}, net ? 'of opening MRR, expansion included' : 'of opening MRR, expansion left out');
  }
  const [glyph, text] = BANDS[window.band];
  return [
    h('span', { class: `band ${window.band}` }, h('span', { 'aria-hidden': 'true' }, `${glyph} `), text()),
    h('span', {}, amount('expansion'), ' on ', amount('opening')),
  ];
}

/** Thresholds that rules put on the total's figure. */
function thresholdsOf(metric, window, rules) {
  const onTotal = (rule) => rule.threshold?.metric === metric && rule.threshold.window === window && !rule.labels.dimension;
  const plainQuery = (rule) => rule.query.startsWith(`${metric}{window="${window}"} `);
  return (rules ?? [])
    .filter((rule) => onTotal(rule) && plainQuery(rule))
    .map((rule) => {
      const state = rule.state === 'inactive' && rule.suppressed.length > 0 ? 'not judged' : rule.state;
      return { value: rule.threshold.value, side: side(rule), state };
    });
}

/** On which side of its threshold a rule fires. */
export const side = (rule) => (rule.query.includes(' < ') ? 'below' : 'above');

const RATES = ['customer_churn_rate', 'customer_expansion_share', ...Object.keys(SCALES)];

/** What an alert has observed, in the figure's own unit. */
export function observed(metric, value, currency) {
  if (RATES.includes(metric)) return percent(value);
  return metric === 'quick_ratio' ? plain(value) : money(value, currency);
}

/** The observed value of an alert beside its threshold, on the scale of the figure. */
export function beside(metric, value, threshold, currency) {
  const scale = SCALES[metric] ?? { low: Math.min(0, value), high: Math.max(value, threshold.value) * 1.25 || 1, from: 0, marks: [] };
  const short = (of) => (RATES.includes(metric) ? mark(of) : metric === 'quick_ratio' ? plain(of) : compactMoney(of, currency));
  return gauge({ ...scale, names: [] }, value, [threshold], short);
}

function gauge(scale, value, thresholds, short = mark) {
  const all = [...scale.marks, ...thresholds.map((of) => of.value), ...(value === null ? [] : [value])];
  const [least, most] = [Math.min(scale.low, ...all), Math.max(scale.high, ...all)];
  const room = (most - least) * 0.04;
  const low = least < scale.low ? least - room : scale.low;
  const high = most > scale.high ? most + room : scale.high;
  const at = (of) => `${(((of - low) / (high - low)) * 100).toFixed(3)}%`;
  const anchor = (of) => ((of - low) / (high - low) > 0.9 ? 'end' : (of - low) / (high - low) < 0.06 ? 'start' : 'middle');
  const between = (one, other, attributes) =>
    h('rect', { x: at(Math.min(one, other)), width: `${((Math.abs(other - one) / (high - low)) * 100).toFixed(3)}%`, ...attributes });
  const zones = scale.zones ? [low, ...scale.zones, high] : [low, high];
  const zoneName = (zone) => (scale.zones ? ['lagging', 'moderate', 'strong'][zone] : 'plain');
  return h(
    'svg',
    { class: 'gauge', 'aria-hidden': 'true', width: '100%', height: 46 },
    zones.slice(1).map((end, zone) => between(zones[zone], end, { y: 14, height: 14, class: `zone zone-${zoneName(zone)}` })),
    value !== null && between(scale.from, value, { y: 17, height: 8, class: value < scale.from ? 'bar loss' : 'bar' }),
    scale.marks.map((of) => [
      h('line', { x1: at(of), x2: at(of), y1: 12, y2: 30, class: 'mark' }),
      h('text', { x: at(of), y: 42, 'text-anchor': anchor(of), class: 'scale' }, short(of)),
    ]),
    (high <= 0.5 ? (scale.names ?? []) : []).map(([of, name]) => h('text', { x: at(of), y: 42, 'text-anchor': 'middle', class: 'scale crowded' }, name)),
    thresholds.map((of) => [
      h('line', { x1: at(of.value), x2: at(of.value), y1: 11, y2: 32, class: `limit ${of.state === 'firing' ? 'firing' : ''}` }),
      h('text', { x: at(of.value), y: 8, 'text-anchor': anchor(of.value), class: 'scale limit-name' }, `alert ${of.side === 'below' ? '<' : '>'} ${short(of.value)}`),
    ]),
    value !== null && h('line', { x1: at(value), x2: at(value), y1: 13, y2: 29, class: 'needle' }),
  );
}

/** Revenue at the very instant, whatever the window. The service says it together with how it is, so it can be newer than the report. */
export function present(now) {
  const { currency, time_zone: zone, usage_today: today } = now ?? {};
  fill(by('figure-mrr'), now?.mrr ? figure(now.mrr, money(now.mrr, currency)) : unknown());
  const asOf = now?.as_of && h('span', {}, 'As of ', instant(now.as_of, zone));
  fill(by('note-mrr'), asOf, today && h('span', {}, 'Usage of today, not counted yet: ', figure(today, money(today, currency))));
}

/** The rates of customers, one line each. */
function customers(window, currency) {
  const rates = window?.rates;
  const line = (id, value, text) => fill(by(`figure-${id}`), !window ? unknown() : value === null ? absent() : figure(value, text(value)));
  line('quick_ratio', rates?.quick_ratio, plain);
  line('customer_churn_rate', rates?.customer_churn_rate, percent);
  line('customer_expansion_share', rates?.customer_expansion_share, percent);
  line('arpa', rates?.arpa, (value) => money(value, currency));
  line('closing_customers', window?.customers.closing, count);
  const gained = window && micros(window.mrr.closing) - micros(window.mrr.opening);
  fill(by('figure-net'), window ? figure(decimal(gained), money(decimal(gained), currency, true)) : unknown());
}
