// Closed periods: how growth went before now.

import { absent, by, fill, figure, h, said } from './dom.js';
import { compactMoney, count, micros, money, percent, title } from './format.js';
import { instant } from './standing.js';

const PERIODS = ['month', 'quarter', 'year'];
/** Rows before the reader asks for all. */
const FEW = 6;
const chosen = { every: 'month', all: false };

/** Which periods the reader wants. */
export const every = () => chosen.every;

/** Lets the reader choose the length of a period; `again` asks for it. */
export function choices(again) {
  by('history-more').addEventListener('click', (event) => {
    if (!event.target.closest('button')) return;
    chosen.all = !chosen.all;
    again();
  });
  by('history').addEventListener('change', (event) => {
    if (event.target.name === 'every') chosen.every = event.target.value;
    again();
  });
}

/** Draws closed periods, or says why there are none; `isChosen` unless they are still those chosen before. */
export function history(known, isChosen, zone) {
  const [past, currency] = [known?.body ?? null, known?.body?.currency];
  const periods = past?.periods ?? [];
  fill(by('every'), PERIODS.map(option));
  fill(by('history-note'), past ? caption(past, zone) : known ? refusal(known.failure) : 'Not known yet.');
  by('history-table').hidden = periods.length === 0;
  by('history-table').classList.toggle('before', !isChosen);
  fill(by('history-chart'), periods.length > 1 ? chart(periods, currency) : []);
  const rows = [...periods].sort((one, other) => (one.period < other.period ? 1 : -1)).slice(0, chosen.all ? periods.length : FEW);
  fill(by('history-body'), rows.map((period) => row(period, currency)));
  const label = chosen.all ? 'Show fewer' : `Show all ${count(periods.length)}`;
  fill(by('history-more'), periods.length > FEW && h('button', { type: 'button' }, label));
}

/** Of which instant it is, and since when it has every event. */
function caption(past, zone) {
  const what = past.periods.length === 0 ? `No ${past.every} that is known has closed yet. ` : '';
  const since = past.complete_since && [' Periods before ', instant(past.complete_since, zone), ' may lack events.'];
  return [`${what}As of `, instant(past.as_of, zone), '.', since];
}

const refusal = ({ status, sentence }) =>
  status === 429
    ? 'Closed periods are being computed, which takes a look at every account: they come by themselves.'
    : `Closed periods cannot be had at the moment, and are asked for again. ${sentence ?? ''}`;

const option = (name) =>
  h('label', {}, h('input', { type: 'radio', name: 'every', value: name, checked: name === chosen.every }), h('span', {}, title(`${name}s`)));

function row(period, currency) {
  const amount = (key, sign) => figure(period.mrr[key], money(period.mrr[key], currency, sign));
  const rate = (key, sign) => (period.rates[key] === null ? absent() : figure(period.rates[key], percent(period.rates[key], sign)));
  const cells = [
    amount('opening'),
    amount('expansion', true),
    rate('expansion_rate'),
    rate('expansion_growth', true),
    rate('net_revenue_retention'),
    rate('gross_revenue_retention'),
    amount('closing'),
    figure(period.customers.closing, count(period.customers.closing)),
  ];
  return h('tr', {}, h('th', { scope: 'row' }, period.period), cells.map((cell) => h('td', { class: 'number' }, cell)));
}

/** Closing MRR as columns and the expansion rate above them, oldest first. */
function chart(periods, currency) {
  const ordered = [...periods].sort((one, other) => (one.period < other.period ? -1 : 1));
  const tops = ordered.map((period) => micros(period.mrr.closing));
  const most = tops.reduce((a, b) => (a > b ? a : b), 1n);
  const slot = 100 / ordered.length;
  const columns = ordered.map((period, at) => {
    const height = Number((tops[at] * 1000n) / most) / 1000;
    const middle = `${(at + 0.5) * slot}%`;
    const rate = period.rates.expansion_rate;
    const [first, last] = [at === 0, at === ordered.length - 1];
    const anchor = ordered.length <= 8 ? 'middle' : first ? 'start' : 'end';
    const foot = anchor === 'middle' ? middle : first ? '0%' : '100%';
    return h(
      'g',
      {},
      h('rect', { x: `${(at + 0.14) * slot}%`, width: `${slot * 0.72}%`, y: 22 + (1 - height) * 110, height: height * 110, class: 'total' }),
      rate !== null && h('text', { x: middle, y: 16 + (1 - height) * 110, 'text-anchor': 'middle', class: ordered.length > 6 ? 'scale crowded' : 'scale' }, percent(rate)),
      (first || last || anchor === 'middle') && h('text', { x: foot, y: 146, 'text-anchor': anchor, class: 'scale' }, period.period),
    );
  });
  const last = ordered[ordered.length - 1];
  const caption = `Columns: closing MRR, ${compactMoney(last.mrr.closing, currency)} at the end of ${last.period}. Above them: expansion rate.`;
  return [
    h('svg', { class: 'columns', 'aria-hidden': 'true', width: '100%', height: 152 }, columns),
    h('p', { class: 'note' }, caption, said(' The table below has every figure.')),
  ];
}
