// Customers behind the figures: who moved most, and who is likely to expand.

import { absent, by, fill, figure, h } from './dom.js';
import { count, decimal, micros, moment, money, title, windowName } from './format.js';
import { instant } from './standing.js';

const LIKELY = 'likely';
const CHOICES = ['expansion', 'contraction', 'churn', 'new', 'reactivation', LIKELY];
const SIGNS = { contraction: '-', churn: '-' };
/** Rows of the list. The service answers all pages that ask for so few by one look at its accounts. */
const ROWS = 10;
const chosen = { list: 'expansion' };

/** What is asked of the service in a window. */
export const question = (window) =>
  chosen.list === LIKELY ? `likely=expand&top=${ROWS}` : `window=${window}&movement=${chosen.list}&top=${ROWS}`;

/** Lets the reader choose the list; `again` asks for it. */
export function choices(again) {
  by('movers').addEventListener('change', (event) => {
    if (event.target.name === 'movement') chosen.list = event.target.value;
    again();
  });
}

/** Draws what is known of the list, or says why nothing is; `isChosen` unless it is still the one chosen before. */
export function movers(known, isChosen, zone) {
  const list = known?.body ?? null;
  const rows = list?.customers ?? [];
  fill(by('movements'), CHOICES.map(option));
  fill(by('movers-note'), list ? caption(list, zone) : known ? refusal(known.failure) : 'Not known yet.');
  by('movers-table').hidden = rows.length === 0;
  by('movers-table').classList.toggle('before', !isChosen);
  fill(by('movers-head'), (list?.likely ? ['Likely gain', 'Usage run rate', 'Committed'] : ['Amount', 'Opening', 'Closing']).map(heading));
  fill(by('movers-body'), rows.map((customer) => (list.likely ? likely(customer, list.currency, zone) : moved(customer, list.currency))));
}

const heading = (name, at) => [at === 0 && h('th', { scope: 'col' }, 'Customer'), h('th', { scope: 'col', class: 'number' }, name)];

/** Which list it is, of which instant, and how much of it there is. */
function caption(list, zone) {
  const name = list.likely ? 'Likely to expand' : `${title(list.movement)}, ${windowName(list.window)}`;
  const { customers, amount } = list.total;
  const all = figure(customers, count(customers));
  const sum = figure(amount, money(amount, list.currency));
  const shown = list.customers.length;
  const what =
    customers === 0
      ? list.likely ? 'nobody' : 'no customer moved this way'
      : [customers > shown ? [`the ${count(shown)} largest of `, all] : all, customers === 1 ? ' customer, ' : ' customers, ', sum, ' in all'];
  return [`${name}: `, what, '. As of ', instant(list.as_of, zone), '.'];
}

function refusal({ status, sentence }) {
  if (status === 403) return [h('strong', {}, 'Customers are not shown at this address.'), ' ', sentence];
  if (status === 429) return 'The list is being made, which takes a look at every account: it comes by itself.';
  return `The list cannot be had at the moment, and is asked for again. ${sentence ?? ''}`;
}

const option = (name) =>
  h(
    'label',
    {},
    h('input', { type: 'radio', name: 'movement', value: name, checked: name === chosen.list }),
    h('span', {}, name === LIKELY ? 'Likely to expand' : title(name)),
  );

const link = ({ customer_id: id }) => h('th', { scope: 'row' }, h('a', { href: `api/v1/customers/${encodeURIComponent(id)}` }, id));
const cell = (...content) => h('td', { class: 'number' }, content);

function moved(customer, currency) {
  const amount = `${SIGNS[customer.movement] ?? ''}${customer.amount.replace(/^-/, '')}`;
  const end = (value) => cell(figure(value, money(value, currency)));
  return h('tr', {}, link(customer), cell(figure(amount, money(amount, currency, true))), end(customer.opening), end(customer.closing));
}

/** Where the gain comes from: the run rate that grew, and states ahead that are worth more. */
function likely(customer, currency, zone) {
  const { amount, run_rate: rate, run_rate_before: before, committed, scheduled, scheduled_at: begins } = customer;
  const was = before === null ? absent('the one before is not known') : change(rate, before, currency);
  const begin = () => h('time', { datetime: begins }, moment(begins, zone, false));
  const ahead = begins === null ? null : [change(scheduled, committed, currency), ' from ', begin()];
  return h(
    'tr',
    {},
    link(customer),
    cell(figure(amount, money(amount, currency, true))),
    cell(figure(rate, money(rate, currency)), was && h('small', {}, was)),
    cell(figure(committed, money(committed, currency)), ahead && h('small', {}, ahead)),
  );
}

/** By how much one is more than the other; nothing where it is the same. */
function change(one, other, currency) {
  const size = decimal(micros(one) - micros(other));
  return one === other ? null : figure(size, money(size, currency, true));
}
