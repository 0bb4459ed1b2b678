// Alerts that wait or fire, and where every rule stands.

import { by, fill, h } from './dom.js';
import { moment, windowName } from './format.js';

const ORDER = { critical: 0, warning: 1, info: 2 };
const GLYPHS = { critical: '■', warning: '▲', info: '●' };

/** Draws rules and their alerts; null while they are not known. */
export function alerts(rules, zone) {
  const active = (rules ?? []).flatMap((rule) => rule.alerts.map((alert) => ({ ...alert, rule }))).sort((one, other) => rank(one) - rank(other));
  fill(by('alerts-list'), active.map((alert) => item(alert, zone)));
  fill(by('alerts-note'), rules === null ? 'Not known yet.' : active.length > 0 ? '' : calm(rules));
  fill(by('rules-body'), (rules ?? []).map(row));
}

const rank = (alert) => (ORDER[alert.labels.severity] ?? 3) + (alert.state === 'firing' ? 0 : 4);

function calm(rules) {
  const waiting = rules.filter((rule) => rule.suppressed.length > 0).length;
  if (rules.length === 0) return 'This service has no rules.';
  return waiting > 0 ? `Nothing fires. ${waiting} of ${rules.length} rules cannot be judged at the moment.` : 'Nothing fires.';
}

function item(alert, zone) {
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
    h('p', { class: 'note' }, `${labels.alertname}, since `, h('time', { datetime: alert.activeAt }, moment(alert.activeAt, zone)), book && [' · ', h('a', { href: book, rel: 'noreferrer' }, 'runbook')]),
  );
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
