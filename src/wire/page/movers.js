// Who moved most: the customers behind a figure.

import { absent, by, fill, figure, h } from './dom.js';
import { money, title } from './format.js';

const MOVEMENTS = ['expansion', 'contraction', 'churn', 'new', 'reactivation'];
const SIGNS = { contraction: '-', churn: '-' };
const chosen = { movement: 'expansion' };

/** Which movement the reader wants. */
export const movement = () => chosen.movement;

/** Lets the reader choose the movement; `again` asks for it. */
export function choices(again) {
  by('movers').addEventListener('change', (event) => {
    if (event.target.name === 'movement') chosen.movement = event.target.value;
    again();
  });
}

/** Draws the answer to a question for customers: a list, a reason why there is none, or nothing yet. */
export function movers(answer, currency) {
  const list = answer?.customers ?? [];
  fill(by('movements'), MOVEMENTS.map(option));
  by('movers-table').hidden = list.length === 0;
  fill(by('movers-body'), list.map((customer) => row(customer, currency)));
  fill(by('movers-note'), list.length > 0 ? '' : sentence(answer));
}

function sentence(answer) {
  if (!answer) return 'Not known yet.';
  if (answer.customers) return 'No customer moved this way in the window.';
  if (answer.status === 403) return answer.error ?? 'This service does not show customers to you.';
  if (answer.status === 404) return 'This service does not list customers. Alerts name those who moved most.';
  return 'The list cannot be had at the moment.';
}

const option = (name) =>
  h('label', {}, h('input', { type: 'radio', name: 'movement', value: name, checked: name === chosen.movement }), h('span', {}, title(name)));

function row(customer, currency) {
  const amount = `${SIGNS[customer.movement] ?? ''}${customer.amount.replace(/^-/, '')}`;
  const end = (value) => (value === undefined || value === null ? absent() : figure(value, money(value, currency)));
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, h('a', { href: `api/v1/customers/${encodeURIComponent(customer.customer_id)}` }, customer.customer_id)),
    h('td', { class: 'number' }, figure(amount, money(amount, currency, true))),
    h('td', { class: 'number' }, end(customer.opening)),
    h('td', { class: 'number' }, end(customer.closing)),
  );
}
