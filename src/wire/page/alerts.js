// Alerts that wait or fire, and where every rule stands.

import { by, fill, figure, h } from './dom.js';
import { moment, title, windowName } from './format.js';
import { beside, observed, side } from './gauges.js';
import { instant } from './standing.js';

const ORDER = { critical: 0, warning: 1, info: 2 };
const GLYPHS = { critical: '■', warning: '▲', info: '●' };

/** Draws rules as they were judged at an instant, and their alerts; null while they are not known. */
export function alerts(rules, judgedAt, zone, currency) {
  const active = (rules ?? []).flatMap((rule) => rule.alerts.map((alert) => ({ ...alert, rule }))).sort((one, other) => rank(one) - rank(other));
  fill(by('alerts-list'), active.map((alert) => item(alert, zone, currency)));
  const judged = judgedAt ? ['As of ', instant(judgedAt, zone), '.'] : 'Nothing has been judged yet.';
  fill(by('alerts-note'), rules === null ? 'Not known yet.' : [active.length > 0 ? '' : `${calm(rules)} `, judged]);
  fill(by('rules-body'), (rules ?? []).map(row));
}

const rank = (alert) => (ORDER[alert.labels.severity] ?? 3) + (alert.state === 'firing' ? 0 : 4);

function calm(rules) {
  const waiting = rules.filter((rule) => rule.suppressed.length > 0).length;
  if (rules.length === 0) return 'This service has no rules.';
  return waiting > 0 ? `Nothing fires. ${waiting} of ${rules.length} rules cannot be judged at the moment.` : 'Nothing fires.';
}

function item(alert, zone, currency) {
  const { labels, rule } = alert;
  const annotations = alert.annotations ?? {};
  const severity = labels.severity ?? 'info';
  const glyph = h('span', { class: `glyph ${severity}`, 'aria-hidden': 'true' }, GLYPHS[severity] ?? '●');
  const state = alert.state === 'firing' ? (alert.clearing ? 'clearing' : 'firing') : alert.state;
  const where = labels.segment === undefined ? null : h('span', {}, ` · ${labels.dimension}: ${labels.segment}`);
  const book = annotations.runbook_url;
  return h(
    'li',
    { class: `alert ${severity}` },
    h('p', {}, glyph, ' ', h('strong', {}, `${severity}, ${state}`), labels.window && ` · ${windowName(labels.window)}`, where),
    h('p', {}, annotations.summary ?? unfilled(rule) ?? labels.alertname),
    annotations.description && h('p', { class: 'note' }, annotations.description),
    rule.threshold && against(alert, currency),
    h('p', { class: 'note' }, `${labels.alertname}, since `, h('time', { datetime: alert.activeAt }, moment(alert.activeAt, zone)), book && [' · ', h('a', { href: book, rel: 'noreferrer' }, 'runbook')]),
  );
}

/** What was observed, and the threshold it has crossed, in words and drawn. */
function against({ rule, value }, currency) {
  const { metric, value: threshold } = rule.threshold;
  const size = Number(value);
  const limit = [`alert ${side(rule)} `, figure(threshold, observed(metric, threshold, currency)), '.'];
  if (!Number.isFinite(size)) return h('p', { class: 'note' }, `${title(metric)}: not judged at the moment, `, limit);
  const drawn = { value: threshold, side: side(rule), state: 'firing' };
  return [
    h('p', { class: 'note' }, `${title(metric)} `, figure(size, observed(metric, size, currency)), ', ', limit),
    beside(metric, size, drawn, currency),
  ];
}

/** Where alerts come without texts, because those may name customers, the rule's own one says enough if it has nothing to fill in. */
const unfilled = (rule) => (rule.annotations.summary?.includes('{') ? null : rule.annotations.summary);

function row(rule) {
  const why = rule.suppressed[0]?.detail;
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, rule.name, h('small', {}, rule.query)),
    h('td', {}, rule.state, why && h('small', {}, why)),
  );
}
