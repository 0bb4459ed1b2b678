// Every figure on the page is the report's, in every window and dimension; columns sort; parts that are still to come are drawn.

import assert from 'node:assert/strict';
import { dollars, isPercent } from './exact.mjs';
import { api, clean, open, says, walk } from './walk.mjs';

const RATES = ['expansion_rate', 'expansion_growth', 'net_revenue_retention', 'gross_revenue_retention'];
const SIGNS = { new: 1, reactivation: 1, expansion: 1, contraction: -1, churn: -1 };

/** Value and text of the figures below an element, in their order; null for one that is undefined. */
const figures = (page, selector) =>
  page.locator(selector).evaluateAll((places) =>
    places.flatMap((place) => {
      const found = [...place.querySelectorAll('data, .absent')];
      return found.map((one) => (one.matches('data') ? { value: one.value, text: one.textContent } : null));
    }),
  );

/** Money: the exact string underneath, its rounding on top. */
function isMoney(figure, exact, sign = false) {
  assert.equal(figure.value, exact);
  assert.equal(figure.text, dollars(exact, sign));
}

function isRate(figure, value) {
  if (value === null) return assert.equal(figure, null);
  assert.equal(Number(figure.value), value);
  isPercent(figure.text, value);
}

async function headline(page, window, now) {
  for (const name of RATES) {
    const [figure] = await figures(page, `#figure-${name}`);
    const value = window.rates[name];
    if (value === null) await says(page, `#figure-${name}`, 'undefined');
    else isRate(figure, value);
  }
  isMoney((await figures(page, '#figure-mrr'))[0], now.mrr);
  isMoney((await figures(page, '#figure-net'))[0], difference(window.mrr.closing, window.mrr.opening), true);
  const [churn, share] = [await figures(page, '#figure-customer_churn_rate'), await figures(page, '#figure-customer_expansion_share')];
  isRate(churn[0], window.rates.customer_churn_rate);
  isRate(share[0], window.rates.customer_expansion_share);
  const [quick] = await figures(page, '#figure-quick_ratio');
  assert.equal(quick && Number(quick.value), window.rates.quick_ratio);
  const [arpa] = await figures(page, '#figure-arpa');
  assert.equal(Number(arpa.value), window.rates.arpa);
  assert.equal((await figures(page, '#figure-closing_customers'))[0].value, String(window.customers.closing));
  if (window.band) await says(page, '#note-expansion_rate', new RegExp(window.band, 'i'));
  const notes = await figures(page, '#note-expansion_rate');
  if (window.band) [window.mrr.expansion, window.mrr.opening].forEach((exact, at) => isMoney(notes[at], exact));
}

const micros = (text) => BigInt(text.replace('.', ''));
function difference(one, other) {
  const size = micros(one) - micros(other);
  const digits = (size < 0n ? -size : size).toString().padStart(7, '0');
  return `${size < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

async function bridge(page, window) {
  const found = await figures(page, '#bridge-body tr');
  let sum = 0n;
  for (const [at, step] of Object.keys(window.mrr).slice(0, 7).entries()) {
    const loss = SIGNS[step] === -1 && micros(window.mrr[step]) !== 0n;
    const exact = `${loss ? '-' : ''}${window.mrr[step]}`;
    isMoney(found[at * 2], exact, step in SIGNS);
    if (step !== 'closing') sum += micros(exact);
    assert.equal(found[at * 2 + 1].value, String(window.customers[step]));
  }
  assert.equal(sum, micros(found[12].value), 'what the page shows adds up');
}

async function motions(page, window) {
  const found = await figures(page, '#motions-body tr');
  for (const [at, motion] of Object.keys(window.expansion_by_motion).entries()) {
    isMoney(found[at * 3], window.expansion_by_motion[motion], true);
    const loss = window.contraction_by_motion[motion];
    isMoney(found[at * 3 + 2], `${micros(loss) === 0n ? '' : '-'}${loss}`, true);
    const opening = Number(window.mrr.opening);
    if (opening > 0) assert(Math.abs(Number(found[at * 3 + 1].value) - Number(window.expansion_by_motion[motion]) / opening) < 1e-9);
  }
}

const COLUMNS = [
  ['expansion_rate', (one) => one.rates.expansion_rate],
  ['expansion', (one) => one.mrr.expansion, true],
  ['expansion_growth', (one) => one.rates.expansion_growth],
  ['net_revenue_retention', (one) => one.rates.net_revenue_retention],
  ['gross_revenue_retention', (one) => one.rates.gross_revenue_retention],
  ['opening', (one) => one.mrr.opening, false],
  ['closing', (one) => one.mrr.closing, false],
  ['customers', (one) => one.customers.closing],
];

/** The names of the segments on the page, in their order. */
const order = (page) => page.locator('#segments-body th').allTextContents();

async function segments(page, window, dimension) {
  await page.locator(`input[name=dimension][value="${dimension}"]`).check();
  const all = page.locator('#segments-all');
  if ((await all.count()) > 0) await all.click();
  const wanted = window.segments.filter((one) => one.dimension === dimension);
  await page.waitForFunction((count) => document.querySelectorAll('#segments-body th').length === count, wanted.length);
  const byName = new Map(wanted.map((one) => [one.value === '' ? '(empty)' : one.value, one]));
  const [names, found] = [await order(page), await figures(page, '#segments-body tr')];
  assert.equal(new Set(names).size, wanted.length);
  for (const [row, name] of names.entries()) {
    for (const [column, [key, of, sign]] of COLUMNS.entries()) {
      const [figure, value] = [found[row * COLUMNS.length + column], of(byName.get(name))];
      if (typeof value === 'string') isMoney(figure, value, sign);
      else if (key === 'customers') assert.equal(figure.value, String(value));
      else isRate(figure, value);
    }
  }
  return byName;
}

/** Every column sorts both ways, undefined figures last both ways. */
async function sorting(page, byName) {
  for (const [key, of] of [['value', (one) => one.value], ...COLUMNS]) {
    const header = page.locator(`#segments-head th:has(button[data-column=${key}])`);
    for (const turn of [1, 2]) {
      const before = await header.getAttribute('aria-sort');
      await header.locator('button').click();
      await page.waitForFunction(([column, old]) => document.querySelector(`th:has(button[data-column=${column}])`).getAttribute('aria-sort') !== old, [key, before]);
      const direction = await header.getAttribute('aria-sort');
      const sign = direction === 'ascending' ? 1 : -1;
      const values = (await order(page)).map((name) => of(byName.get(name)));
      const defined = values.filter((value) => value !== null);
      assert(values.slice(defined.length).every((value) => value === null), `${key}: undefined figures come last`);
      for (let at = 1; at < defined.length; at += 1) {
        const [a, b] = [defined[at - 1], defined[at]];
        const compared = key === 'value' ? a.localeCompare(b, 'en-US', { numeric: true }) : typeof a === 'string' ? Number(micros(a) - micros(b)) : a - b;
        assert(sign * compared <= 0, `${key} ${direction} (turn ${turn}): ${a}, ${b}`);
      }
    }
  }
}

async function choose(page, window) {
  await page.locator(`input[name=window][value=${window}]`).check();
  const report = (await api(`api/v1/report?window=${window}`)).body.windows[0];
  await page.locator(`#bridge-body tr.closing data[value="${report.mrr.closing}"]`).waitFor();
  await page.locator(`#bridge-body tr.opening data[value="${report.mrr.opening}"]`).waitFor();
  await page.locator(`#edges time[datetime="${report.opening_edge}"]`).waitFor();
  return report;
}

const customer = (id, amount) => ({ customer_id: id, movement: 'expansion', amount, opening: '100.500000', closing: '1300.250001' });

/** Alerts, every rule, and the thresholds on the scales. */
async function alerts(page) {
  await says(page, '#alerts-list li', 'critical, firing');
  await says(page, '#alerts-list li', 'Growth is low.');
  assert.equal(await page.locator('#alerts-list li').count(), 1);
  assert.deepEqual(await page.locator('#rules-body th').evaluateAll((all) => all.map((one) => one.firstChild.data)), ['RateLow', 'GrowthLow', 'Trouble']);
  assert.deepEqual(await page.locator('#rules-body td').allTextContents(), ['inactive', 'firing', 'inactive']);
  await choose(page, 'trailing_365d');
  await says(page, '#note-expansion_rate', 'Alert below 10%: inactive');
  assert.deepEqual(await page.locator('#gauge-expansion_rate .limit-name').allTextContents(), ['alert < 10%']);
  assert.equal(await page.locator('#note-expansion_growth .threshold').count(), 0, 'a threshold of another window');
  await choose(page, 'trailing_90d');
  await says(page, '#note-expansion_growth', 'Alert below -25%: firing');
  assert.equal(await page.locator('#gauge-expansion_growth .limit.firing').count(), 1);
  assert.equal(await page.locator('.limit').count(), 1, 'a threshold of another window');
}

/** What history and customers answer where they are there. */
function parts(report) {
  const period = (name, closing) => ({ ...report, segments: undefined, period: name, mrr: { ...report.mrr, closing } });
  return {
    '/api/v1/history': (url) => ({
      currency: 'USD',
      every: url.searchParams.get('every'),
      periods: [period(`${url.searchParams.get('every')}-1`, '10.000001'), period(`${url.searchParams.get('every')}-2`, '20.499999')],
    }),
    '/api/v1/customers': (url) => ({
      as_of: report.closing_edge,
      customers: url.searchParams.get('movement') === 'churn' ? [] : [customer('a/b c&d', '1199.750001'), customer('x', '0.005000')],
      next_cursor: null,
    }),
  };
}

await walk(async (browser) => {
  const { body: whole } = await api('api/v1/report');
  const { body: now } = await api('api/v1/now');
  const { page, seen } = await open(browser, { parts: { '/api/v1/history': 404, '/api/v1/customers': 404 } });
  for (const { window } of whole.windows) {
    const report = await choose(page, window);
    await headline(page, report, now);
    await bridge(page, report);
    await motions(page, report);
    assert(page.url().endsWith(`#window=${window}`), 'a window has an address');
  }
  await alerts(page);
  const report = await choose(page, 'trailing_365d');
  for (const dimension of new Set(report.segments.map((one) => one.dimension))) {
    await sorting(page, await segments(page, report, dimension));
  }
  // Without the history, the closed windows of the report stand in for it; without customers, a sentence.
  const closed = whole.windows.filter((one) => one.window.startsWith('last_'));
  const found = await figures(page, '#history-body tr');
  for (const [at, window] of closed.entries()) {
    isMoney(found[at * 8], window.mrr.opening);
    isMoney(found[at * 8 + 1], window.mrr.expansion, true);
    isRate(found[at * 8 + 2], window.rates.expansion_rate);
    isMoney(found[at * 8 + 6], window.mrr.closing);
  }
  assert.equal(found.length, closed.length * 8);
  await says(page, '#movers-note', 'does not list customers');
  assert(await page.locator('#movers-table').isHidden());
  clean(seen);
  assert.equal(seen.requests.filter((path) => path === '/api/v1/history').length, 1, 'what is not there is not asked for again');

  const second = await open(browser, { parts: parts(report), hash: '#window=last_quarter' });
  await says(second.page, '#history-body', 'month-2');
  await second.page.locator('input[name=every][value=quarter]').check();
  await says(second.page, '#history-body', 'quarter-2');
  const past = await figures(second.page, '#history-body tr');
  [['20.499999', 6], ['10.000001', 14]].forEach(([exact, at]) => isMoney(past[at], exact));
  const movers = await figures(second.page, '#movers-body tr');
  [['1199.750001', true], ['100.500000'], ['1300.250001']].forEach(([exact, sign], at) => isMoney(movers[at], exact, sign));
  assert.equal(await second.page.locator('#movers-body a').first().getAttribute('href'), 'api/v1/customers/a%2Fb%20c%26d');
  assert.equal(await second.page.locator('input[name=window]:checked').inputValue(), 'last_quarter', 'the address names the window');
  await second.page.locator('input[name=movement][value=churn]').check();
  await says(second.page, '#movers-note', 'No customer moved this way');
  clean(second.seen);

  const third = await open(browser, { parts: { '/api/v1/history': 404, '/api/v1/customers': 403 } });
  await says(third.page, '#movers-note', 'Refused with 403.');
  clean(third.seen);
});
