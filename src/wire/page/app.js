// The live page: keeps what is known, asks for what has changed, and has every part drawn from it.

import { alerts } from './alerts.js';
import { bridge } from './bridge.js';
import { ask, follow } from './connection.js';
import { by, fill, h } from './dom.js';
import { count, moment, percent, windowName } from './format.js';
import { headline } from './gauges.js';
import * as past from './history.js';
import { motions } from './motions.js';
import * as customers from './movers.js';
import * as parts from './segments.js';

const CLOSED = ['last_month', 'last_quarter', 'last_year'];
/** Lists of customers and rules are looked at no more often than this while figures move. */
const UNHURRIED = 5_000;
const ANNOUNCE = 30_000;

const known = { now: null, window: null, report: null, figures: null, rules: null, movers: null, history: null, closed: null, lost: false };
let wanted = new URLSearchParams(location.hash.slice(1)).get('window');
/** Parts of the API that this service does not have. */
const missing = new Set();
let busy = false;
let again = false;
const done = new Map();

/** Whether to ask: at once another question, and after a while the same one if the figures have moved since. */
function due(what, question, figures) {
  const last = done.get(what);
  if (last?.question === question && (last.figures === figures || performance.now() - last.at < UNHURRIED)) return false;
  done.set(what, { question, figures, at: performance.now() });
  return true;
}

/** The window to show: the one asked for, else the longest trailing one, of which the bands speak. */
function choose(windows) {
  if (!windows || windows.length === 0) return null;
  if (windows.includes(wanted)) return wanted;
  const days = (name) => Number(/^trailing_(\d+)d$/.exec(name)?.[1] ?? 0);
  return [...windows].sort((one, other) => days(other) - days(one))[0];
}

/** Asks for what has changed, one round at a time; what changes meanwhile is asked for after it. */
async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    do {
      again = false;
      try {
        await round();
      } catch {
        known.figures = null; // The next document has it asked for once more.
      }
      draw();
    } while (again);
  } finally {
    busy = false;
  }
}

async function round() {
  const { now } = known;
  const window = choose(now?.windows);
  if (!window) {
    Object.assign(known, { report: null, window: null, figures: now?.figures ?? null, movers: null, history: null, closed: null });
    ['movers', 'history'].forEach((what) => done.delete(what));
    if (due('rules', 'no view', now)) await rules();
    return;
  }
  const figures = now.figures;
  const [report] = await Promise.all([
    known.figures !== figures || known.window !== window ? ask(`api/v1/report?window=${window}`) : null,
    due('rules', JSON.stringify(now.alerts), now) ? rules() : null,
  ]);
  if (report) {
    const shown = report.status === 200 ? report.body.windows[0] : null;
    Object.assign(known, { report: shown, window, figures: shown ? figures : null, as_of: report.body?.as_of ?? null });
    draw();
  }
  await Promise.all([movers(window), history(now)]);
}

async function rules() {
  const { status, body } = await ask('api/v1/rules');
  known.rules = status === 200 ? body.data.groups.flatMap((group) => group.rules) : null;
}

async function movers(window) {
  const question = `window=${window}&movement=${customers.movement()}&order=amount&limit=10`;
  if (missing.has('customers') || !due('movers', question, known.now.figures)) return;
  const { status, body } = await ask(`api/v1/customers?${question}`);
  if (status === 404) missing.add('customers');
  known.movers = status === 200 ? body : { status, error: body?.error };
}

/** Closed periods change with a new day and with late events. */
async function history(now) {
  if (!due('history', past.every(), now.figures)) return;
  if (!missing.has('history')) {
    const { status, body } = await ask(`api/v1/history?every=${past.every()}&limit=24`);
    if (status === 404) missing.add('history');
    known.history = status === 200 ? body : null;
  }
  const closed = now.windows.filter((name) => CLOSED.includes(name));
  if (known.history || closed.length === 0) {
    known.closed = null;
    return;
  }
  const report = await ask(`api/v1/report?${closed.map((name) => `window=${name}`).join('&')}`);
  known.closed = report.status === 200 ? report.body.windows : null;
}

function draw() {
  const { now, report, rules: all } = known;
  const currency = now?.currency ?? null;
  standing();
  windows();
  headline(report, now, all);
  bridge(report, currency);
  motions(report, currency);
  parts.segments(report, currency);
  customers.movers(known.movers, currency);
  past.history(known.history, known.closed, currency);
  alerts(all, now?.time_zone ?? 'UTC');
  announce();
}

/** Readiness, lag, age of the figures, and what to know about them. */
function standing() {
  const { now, lost } = known;
  const zone = now?.time_zone ?? 'UTC';
  const ready = now?.readiness;
  const [kind, glyph, word] = lost
    ? ['lost', '✕', 'Connection lost']
    : !now
      ? ['waiting', '…', 'Connecting']
      : ready.ready
        ? ['live', '●', 'Live']
        : ['waiting', '◐', phase(ready.phase)];
  fill(by('phase'), h('span', { class: `pill ${kind}` }, h('span', { 'aria-hidden': 'true' }, `${glyph} `), word));
  fill(by('lag'), ready && !lost ? `${count(ready.lag.records)} records behind` : '');
  fill(by('as-of'), now?.as_of ? ['As of ', h('time', { datetime: now.as_of }, moment(now.as_of, zone)), ` ${zone}`] : 'No figures yet');
  const sentences = [];
  if (lost) sentences.push(now?.as_of ? `Connection lost: the figures are of ${moment(now.as_of, zone)} ${zone}.` : 'Connection lost.');
  if (ready && !ready.ready) sentences.push(ready.detail);
  for (const stop of ready?.stopped ?? []) sentences.push(`Partition ${stop.partition} has stopped: ${stop.reason.replaceAll('_', ' ')}.`);
  const share = now?.partitions;
  if (share && !share.complete) {
    const of = share.all === null ? '' : ` of ${share.all}`;
    sentences.push(`These figures cover ${share.counted}${of} partitions, the share of this instance: the others of its group have the rest.`);
  }
  if (now && !now.as_of && !lost) sentences.push('Figures are shown when they are known.');
  fill(by('banner'), sentences.map((sentence) => h('p', {}, sentence)));
  document.body.classList.toggle('stale', lost);
}

const phase = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll('_', ' ');

function windows() {
  const { now, report } = known;
  const names = now?.windows ?? [];
  by('windows-wait').hidden = names.length > 0;
  fill(by('windows'), names.map((name) => h('label', {}, h('input', { type: 'radio', name: 'window', value: name, checked: name === choose(names) }), h('span', {}, windowName(name)))));
  if (!report) return fill(by('edges'), '');
  const edge = (instant) => h('time', { datetime: instant }, moment(instant, now.time_zone));
  fill(by('edges'), 'From ', edge(report.opening_edge), ' to ', report.closing_edge === known.as_of ? 'now' : edge(report.closing_edge));
  document.title = report.rates.expansion_rate === null ? 'Upswell' : `${percent(report.rates.expansion_rate)} expansion · Upswell`;
}

/** For those who do not see figures move: a sentence now and then, and whenever the window was changed. */
function announce() {
  const { report, window } = known;
  if (!report) return;
  const last = done.get('announced');
  if (last?.window === window && performance.now() - last.at < ANNOUNCE) return;
  done.set('announced', { window, at: performance.now() });
  const rate = (value) => (value === null ? 'undefined' : percent(value));
  const { expansion_rate, net_revenue_retention, gross_revenue_retention } = report.rates;
  const rates = `expansion rate ${rate(expansion_rate)}, net revenue retention ${rate(net_revenue_retention)}`;
  fill(by('announcement'), `${windowName(window)}: ${rates}, gross revenue retention ${rate(gross_revenue_retention)}.`);
}

by('windows').addEventListener('change', (event) => {
  wanted = event.target.value;
  window.history.replaceState(null, '', `#window=${wanted}`);
  refresh();
});
addEventListener('hashchange', () => {
  wanted = new URLSearchParams(location.hash.slice(1)).get('window');
  refresh();
});
parts.choices(draw);
customers.choices(refresh);
past.choices(refresh);

follow(
  (now) => {
    if (known.lost) {
      // Another version may answer now.
      missing.clear();
      known.figures = null;
    }
    Object.assign(known, { now, lost: false });
    standing();
    refresh();
  },
  () => {
    if (known.lost) return;
    known.lost = true;
    draw();
  },
);
draw();
