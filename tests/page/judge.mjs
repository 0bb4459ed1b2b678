// What is on the page, taken at one moment, against answers of the API: every figure of every part.

import assert from 'node:assert/strict';
import { dollars, isPercent } from './exact.mjs';

/** Everything that shows a figure, and which answer it is of: one moment of the page. */
export const snapshot = (page) =>
  page.evaluate(() => {
    const figure = (one) => (one.matches('data') ? { value: one.value, text: one.textContent } : null);
    const figures = (place) => [...place.querySelectorAll('data, .absent')].map(figure);
    const of = (selector) => [...document.querySelectorAll(selector)].flatMap(figures);
    const text = (selector) => document.querySelector(selector)?.textContent ?? null;
    const times = (selector) => [...document.querySelectorAll(`${selector} time`)].map((time) => time.dateTime);
    const rows = (selector) => [...document.querySelectorAll(`${selector} tr`)].map((row) => ({ name: row.querySelector('th').textContent, figures: figures(row), times: [...row.querySelectorAll('time')].map((time) => time.dateTime), link: row.querySelector('a')?.getAttribute('href') ?? null }));
    return {
      asOf: times('#as-of')[0] ?? null,
      currency: text('#currency'),
      edges: times('#edges'),
      window: document.querySelector('input[name=window]:checked')?.value ?? null,
      headline: Object.fromEntries([...document.querySelectorAll('[id^=figure-]')].map((place) => [place.id.slice(7), { figures: figures(place), text: place.textContent }])),
      present: times('#note-mrr')[0] ?? null,
      notes: Object.fromEntries([...document.querySelectorAll('[id^=note-]')].map((place) => [place.id.slice(5), { figures: figures(place), text: place.textContent }])),
      limits: [...document.querySelectorAll('#growth .limit-name')].map((limit) => limit.textContent),
      bridge: of('#bridge-body tr'),
      motions: of('#motions-body tr'),
      dimension: document.querySelector('input[name=dimension]:checked')?.value ?? null,
      segments: rows('#segments-body'),
      every: document.querySelector('input[name=every]:checked').value,
      history: { rows: rows('#history-body'), times: times('#history-note'), text: text('#history-note') },
      list: document.querySelector('input[name=movement]:checked').value,
      movers: { rows: rows('#movers-body'), times: times('#movers-note'), figures: of('#movers-note'), text: text('#movers-note') },
      alerts: { items: [...document.querySelectorAll('#alerts-list li')].map((item) => ({ text: item.textContent, figures: figures(item), times: [...item.querySelectorAll('time')].map((time) => time.dateTime), limits: item.querySelectorAll('.limit').length })), times: times('#alerts-note'), rules: [...document.querySelectorAll('#rules-body tr')].map((row) => [row.querySelector('th').firstChild.data, row.querySelector('td').firstChild.data]) },
    };
  });

/** Money: the exact string underneath, its rounding on top. */
export function isMoney(figure, exact, sign = false) {
  assert.equal(figure.value, exact);
  assert.equal(figure.text, dollars(exact, sign));
}

export function isRate(figure, value) {
  if (value === null) return assert.equal(figure, null);
  assert.equal(Number(figure.value), value);
  isPercent(figure.text, value);
}

function isCount(figure, value) {
  assert.equal(figure.value, String(value));
  assert.equal(figure.text.replaceAll(',', ''), String(value));
}

export const micros = (text) => BigInt(text.replace('.', ''));

function difference(one, other) {
  const size = micros(one) - micros(other);
  const digits = (size < 0n ? -size : size).toString().padStart(7, '0');
  return `${size < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

const negative = (exact) => (micros(exact) === 0n ? exact : `-${exact}`);

const RATES = ['expansion_rate', 'expansion_growth', 'net_revenue_retention', 'gross_revenue_retention'];
const SIGNS = { new: 1, reactivation: 1, expansion: 1, contraction: -1, churn: -1 };
const STEPS = ['opening', 'new', 'reactivation', 'expansion', 'contraction', 'churn', 'closing'];
const MOTIONS = ['upsell', 'cross_sell', 'seats', 'usage', 'price'];

/** The parts that are of one report: headline, bridge, motions, and the segments of the dimension that is shown. */
export function isReport(seen, report) {
  const [window] = report.windows;
  assert.equal(seen.window, window.window);
  assert.equal(seen.edges[0], window.opening_edge);
  if (seen.edges.length > 1) assert.equal(seen.edges[1], window.closing_edge);
  else assert.equal(window.closing_edge, report.as_of, 'a window that ends now');
  assert.equal(seen.currency, report.currency);
  headline(seen, window);
  bridge(seen, window);
  motions(seen, window);
  segments(seen, window);
}

/** Revenue now, of which instant it says it is. */
export function isNow(seen, document) {
  assert.equal(seen.present, document.as_of);
  isMoney(seen.headline.mrr.figures[0], document.mrr);
  if (document.usage_today !== null) isMoney(seen.notes.mrr.figures[0], document.usage_today);
}

function headline({ headline: cards, notes }, window) {
  const only = (name) => cards[name].figures[0];
  for (const name of RATES) {
    if (window.rates[name] === null) assert.equal(cards[name].text, 'undefined');
    else isRate(only(name), window.rates[name]);
  }
  if (window.band) {
    assert.match(notes.expansion_rate.text, new RegExp(window.band, 'i'));
    [window.mrr.expansion, window.mrr.opening].forEach((exact, at) => isMoney(notes.expansion_rate.figures[at], exact));
  }
  if (window.mrr.comparison_expansion !== null) {
    [window.mrr.expansion, window.mrr.comparison_expansion].forEach((exact, at) => isMoney(notes.expansion_growth.figures[at], exact));
  }
  isMoney(only('net'), difference(window.mrr.closing, window.mrr.opening), true);
  isRate(only('customer_churn_rate'), window.rates.customer_churn_rate);
  isRate(only('customer_expansion_share'), window.rates.customer_expansion_share);
  assert.equal(only('quick_ratio') && Number(only('quick_ratio').value), window.rates.quick_ratio);
  assert.equal(only('arpa') && Number(only('arpa').value), window.rates.arpa);
  isCount(only('closing_customers'), window.customers.closing);
}

function bridge({ bridge: found }, window) {
  let sum = 0n;
  for (const [at, step] of STEPS.entries()) {
    const exact = SIGNS[step] === -1 ? negative(window.mrr[step]) : window.mrr[step];
    isMoney(found[at * 2], exact, step in SIGNS);
    if (step !== 'closing') sum += micros(exact);
    isCount(found[at * 2 + 1], window.customers[step]);
  }
  assert.equal(sum, micros(found[12].value), 'what the page shows adds up');
}

function motions({ motions: found }, window) {
  const opening = Number(window.mrr.opening);
  for (const [at, motion] of MOTIONS.entries()) {
    isMoney(found[at * 3], window.expansion_by_motion[motion], true);
    isMoney(found[at * 3 + 2], negative(window.contraction_by_motion[motion]), true);
    if (opening > 0) assert(Math.abs(Number(found[at * 3 + 1].value) - Number(window.expansion_by_motion[motion]) / opening) < 1e-9);
    else assert.equal(found[at * 3 + 1], null);
  }
}

/** The columns of the segments, and what they sort by. */
export const COLUMNS = [
  ['expansion_rate', (one) => one.rates.expansion_rate],
  ['expansion', (one) => one.mrr.expansion, true],
  ['expansion_growth', (one) => one.rates.expansion_growth],
  ['net_revenue_retention', (one) => one.rates.net_revenue_retention],
  ['gross_revenue_retention', (one) => one.rates.gross_revenue_retention],
  ['opening', (one) => one.mrr.opening, false],
  ['closing', (one) => one.mrr.closing, false],
  ['customers', (one) => one.customers.closing],
];

/** The segments of a dimension by the name on the page. */
export const byName = (window, dimension) =>
  new Map(window.segments.filter((one) => one.dimension === dimension).map((one) => [one.value === '' ? '(empty)' : one.value, one]));

function segments(seen, window) {
  const wanted = byName(window, seen.dimension);
  if (wanted.size === 0) return;
  assert.equal(new Set(seen.segments.map((row) => row.name)).size, seen.segments.length);
  for (const { name, figures } of seen.segments) {
    assert(wanted.has(name), `${name} is no segment of ${seen.dimension}`);
    for (const [column, [key, of, sign]] of COLUMNS.entries()) {
      const value = of(wanted.get(name));
      if (typeof value === 'string') isMoney(figures[column], value, sign);
      else if (key === 'customers') isCount(figures[column], value);
      else isRate(figures[column], value);
    }
  }
}

/** Closed periods, the newest first. */
export function isHistory({ history: { rows, times } }, every, body) {
  assert.equal(body.every, every);
  assert.equal(times[0], body.as_of);
  const periods = [...body.periods].sort((one, other) => (one.period < other.period ? 1 : -1));
  for (const [at, { name, figures }] of rows.entries()) {
    const { period, mrr, rates, customers } = periods[at];
    assert.equal(name, period);
    isMoney(figures[0], mrr.opening);
    isMoney(figures[1], mrr.expansion, true);
    RATES.forEach((rate, column) => isRate(figures[column + 2], rates[rate]));
    isMoney(figures[6], mrr.closing);
    isCount(figures[7], customers.closing);
  }
  assert(rows.length === periods.length || rows.length === 6, `${rows.length} of ${periods.length} periods`);
}

/** The customers of a list: who moved, or who is likely to expand. */
export function isList({ movers: { rows, times, figures } }, body) {
  assert.equal(times[0], body.as_of);
  assert.deepEqual(rows.map((row) => row.name), body.customers.map((one) => one.customer_id));
  if (body.total.customers > 0) {
    isCount(figures.at(-2), body.total.customers);
    isMoney(figures.at(-1), body.total.amount);
  }
  for (const [at, row] of rows.entries()) {
    const one = body.customers[at];
    assert.equal(row.link, `api/v1/customers/${encodeURIComponent(one.customer_id)}`);
    if (body.likely) isLikely(row, one);
    else {
      isMoney(row.figures[0], SIGNS[one.movement] === -1 ? negative(one.amount) : one.amount, true);
      isMoney(row.figures[1], one.opening);
      isMoney(row.figures[2], one.closing);
    }
  }
}

function isLikely({ figures, times }, one) {
  const change = (after, before) => (after === before ? [] : [[difference(after, before), true]]);
  const ahead = one.scheduled_at === null ? [] : change(one.scheduled, one.committed);
  const growth = one.run_rate_before === null ? [null] : change(one.run_rate, one.run_rate_before);
  const wanted = [[one.amount, true], [one.run_rate], ...growth, [one.committed], ...ahead];
  assert.equal(figures.length, wanted.length);
  wanted.forEach((money, column) => (money === null ? assert.equal(figures[column], null) : isMoney(figures[column], ...money)));
  assert.deepEqual(times, one.scheduled_at === null ? [] : [one.scheduled_at]);
}

/** Rules and alerts as they were judged: each alert with what was observed and the threshold that is drawn. */
export function isRules({ alerts }, body) {
  const [{ rules, lastEvaluation }] = body.data.groups;
  assert.deepEqual(alerts.times, lastEvaluation === null ? [] : [lastEvaluation]);
  assert.deepEqual(alerts.rules, rules.map((rule) => [rule.name, rule.state]));
  const active = rules.flatMap((rule) => rule.alerts.map((alert) => ({ ...alert, rule })));
  assert.equal(alerts.items.length, active.length);
  for (const { labels, state, value, activeAt, rule } of active) {
    const { threshold } = rule;
    const isIt = (item) =>
      item.text.includes(`${labels.alertname}, since `) && (labels.segment === undefined || item.text.includes(`${labels.dimension}: ${labels.segment}`));
    const found = alerts.items.filter(isIt);
    assert(found.length >= 1, `the alert ${JSON.stringify(labels)} is not shown`);
    const item = found.find((one) => !threshold || value === 'NaN' || Number(one.figures[0].value) === Number(value));
    assert(item, `${JSON.stringify(labels)} shows another value than ${value}`);
    assert.match(item.text, new RegExp(`^.*${labels.severity}, (${state}|clearing)`));
    assert.equal(item.times.at(-1), activeAt);
    if (threshold && value !== 'NaN') {
      assert.equal(Number(item.figures[1].value), threshold.value);
      assert.equal(item.limits, 1, 'the threshold is drawn');
    }
  }
}

/** The thresholds of rules about the total, on the scales of the window that is shown. */
export function areThresholds(seen, body) {
  const rules = body.data.groups[0].rules.filter(
    ({ threshold, labels }) => threshold && threshold.window === seen.window && RATES.includes(threshold.metric) && !labels.dimension,
  );
  assert.equal(seen.limits.length, rules.length, `${seen.limits} for ${rules.map((rule) => rule.query)}`);
  for (const { threshold, query, state, suppressed } of rules) {
    const word = state === 'inactive' && suppressed.length > 0 ? 'not judged' : state;
    assert.match(seen.notes[threshold.metric].text, new RegExp(`Alert ${query.includes(' < ') ? 'below' : 'above'} [-\\d.]+%: ${word}`));
  }
}
