// The live page: hears what the service says, asks for what has changed, and has every part drawn from what is known. Each part is
// asked for by itself and drawn when it is there; the figures of the report never wait for another.

import { alerts } from './alerts.js';
import { bridge } from './bridge.js';
import { follow } from './connection.js';
import { by, fill, h } from './dom.js';
import { percent, windowName } from './format.js';
import { headline, present } from './gauges.js';
import * as past from './history.js';
import { motions } from './motions.js';
import * as customers from './movers.js';
import * as parts from './segments.js';
import { source } from './source.js';
import { instant, standing } from './standing.js';

/** For how long rules do although time goes on, and lists of customers and closed periods although figures move, in milliseconds. */
const RULES_REST = 5_000;
const LIST_REST = 30_000;
/** Time between two sentences for those who do not see figures move. */
const ANNOUNCE = 30_000;

let now = null;
let lost = false;
let wanted = new URLSearchParams(location.hash.slice(1)).get('window');
let announced = null;

const report = source((window) => `api/v1/report?window=${window}`, { patience: 20_000, told: drawReport });
const rules = source(() => 'api/v1/rules', { rest: RULES_REST, told: drawRules });
const movers = source((question) => `api/v1/customers?${question}`, { rest: LIST_REST, told: drawMovers });
const periods = source((every) => `api/v1/history?every=${every}&limit=24`, { rest: LIST_REST, told: drawHistory });

/** The window to show: the one asked for, else the longest trailing one, of which the bands speak. */
function choose(windows) {
  if (!windows || windows.length === 0) return null;
  if (windows.includes(wanted)) return wanted;
  const days = (name) => Number(/^trailing_(\d+)d$/.exec(name)?.[1] ?? 0);
  return [...windows].sort((one, other) => days(other) - days(one))[0];
}

/** Sections that are in sight, or nearly. Only those cost the service a look at every account. */
const inSight = new Set();
const sight = new IntersectionObserver(
  (entries) => {
    entries.forEach(({ isIntersecting, target }) => (isIntersecting ? inSight.add(target.id) : inSight.delete(target.id)));
    refresh();
  },
  { rootMargin: '200px' },
);

/** Asks for what has changed. */
function refresh() {
  if (!now) return;
  const window = choose(now.windows);
  report.want(window, now.figures);
  rules.want('all', now);
  if (window === null || inSight.has('movers')) movers.want(window && customers.question(window), now.figures);
  if (window === null || inSight.has('history')) periods.want(window && past.every(), now.figures);
  if (window === null) draw();
}

/** The window that is shown, which need not be the chosen one yet; null while none is known. */
const shown = () => report.known()?.body?.windows[0] ?? null;

/** The instant of the figures that are shown. While only time goes on, they are exact for the instant of now; not where newer ones failed to come. */
function asOf() {
  const known = report.known();
  if (!known?.body) return null;
  const own = known.body.as_of;
  if (known.failure) return own;
  return known.stamp === now?.figures && now.as_of && Date.parse(now.as_of) > Date.parse(own) ? now.as_of : own;
}

/** All rules, null while they are not known; and when they were judged. */
const groups = () => rules.known()?.body?.data.groups ?? null;
const ruleList = () => groups()?.flatMap((group) => group.rules) ?? null;
const judgedAt = () => groups()?.[0]?.lastEvaluation ?? null;

function draw() {
  drawReport();
  drawRules();
  drawMovers();
  drawHistory();
}

function drawReport() {
  const [window, body] = [shown(), report.known()?.body];
  drawStanding();
  windows(window, body);
  headline(window, body, ruleList());
  bridge(window, body?.currency);
  motions(window, body?.currency);
  parts.segments(window, body?.currency);
  announce(window);
}

function drawStanding() {
  standing(now, asOf(), lost, report.known()?.failure);
  present(now);
  const isChosen = now === null || report.isOf(choose(now.windows));
  document.body.classList.toggle('stale', lost || (shown() !== null && !isChosen));
}

function drawRules() {
  headline(shown(), report.known()?.body, ruleList());
  alerts(ruleList(), judgedAt(), now?.time_zone ?? 'UTC', now?.currency ?? 'USD');
}

function drawMovers() {
  const window = choose(now?.windows);
  customers.movers(movers.known(), window !== null && movers.isOf(customers.question(window)), now?.time_zone ?? 'UTC');
}

function drawHistory() {
  past.history(periods.known(), periods.isOf(past.every()), now?.time_zone ?? 'UTC');
}

function windows(window, body) {
  const names = now?.windows ?? [];
  by('windows-wait').hidden = names.length > 0;
  const choice = (name) => h('input', { type: 'radio', name: 'window', value: name, checked: name === choose(names) });
  fill(by('windows'), names.map((name) => h('label', {}, choice(name), h('span', {}, windowName(name)))));
  if (!window) return fill(by('edges'), '');
  const zone = body.time_zone;
  const end = window.closing_edge === body.as_of ? 'now' : instant(window.closing_edge, zone);
  fill(by('edges'), `${windowName(window.window)}: from `, instant(window.opening_edge, zone), ' to ', end);
  document.title = window.rates.expansion_rate === null ? 'Upswell' : `${percent(window.rates.expansion_rate)} expansion · Upswell`;
}

/** For those who do not see figures move: a sentence now and then, and whenever the window was changed. */
function announce(window) {
  if (!window) return;
  if (announced?.window === window.window && performance.now() - announced.at < ANNOUNCE) return;
  announced = { window: window.window, at: performance.now() };
  const rate = (value) => (value === null ? 'undefined' : percent(value));
  const { expansion_rate, net_revenue_retention, gross_revenue_retention } = window.rates;
  const rates = `expansion rate ${rate(expansion_rate)}, net revenue retention ${rate(net_revenue_retention)}`;
  fill(by('announcement'), `${windowName(window.window)}: ${rates}, gross revenue retention ${rate(gross_revenue_retention)}.`);
}

/** The reader chose something: what it asks for, and what is drawn until that is there. */
function chosen() {
  refresh();
  draw();
}

by('windows').addEventListener('change', (event) => {
  wanted = event.target.value;
  window.history.replaceState(null, '', `#window=${wanted}`);
  chosen();
});
addEventListener('hashchange', () => {
  wanted = new URLSearchParams(location.hash.slice(1)).get('window');
  chosen();
});
parts.choices(drawReport);
customers.choices(chosen);
past.choices(chosen);
['movers', 'history'].forEach((section) => sight.observe(by(section)));

follow(
  (document) => {
    [now, lost] = [document, false];
    refresh();
    drawStanding();
    windows(shown(), report.known()?.body);
  },
  () => {
    if (lost) return;
    lost = true;
    drawStanding();
  },
);
draw();
