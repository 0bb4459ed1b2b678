// Figures arrive by themselves: from no customer at all, through an end of the service, by the stream and without it; and whatever
// becomes of the lists, which are never waited for.

import assert from 'node:assert/strict';
import { isHistory, isList, isReport, snapshot } from './judge.mjs';
import { api, clean, given, open, outside, overflow, says, violations, walk } from './walk.mjs';

const closing = (page, exact) => page.locator(`#bridge-body tr.closing data[value="${exact}"]`).waitFor();
const mrr = (page, exact) => page.locator(`#figure-mrr data[value="${exact}"]`).waitFor();
/** Every part is in sight of so high a window. */
const TALL = 4_000;
/** Lists that never come. As refusals and a stream that does not get through, no service can be made to do that at will. */
const silence = { '/api/v1/history': 'silence', '/api/v1/customers': 'silence' };

/** No customer: no rate has a value, nothing is a figure that is none, and everybody can read that. */
async function nobody({ page }) {
  await says(page, '#phase', 'Live');
  await closing(page, '0.000000');
  for (const rate of ['expansion_rate', 'expansion_growth', 'net_revenue_retention', 'gross_revenue_retention']) {
    assert.equal(await page.locator(`#figure-${rate}`).innerText(), 'undefined', 'a rate of nothing is no figure');
  }
  await says(page, '#note-expansion_rate', 'No customer had revenue when the window opened');
  await says(page, '#segments-body', 'No segment has a customer');
  await page.locator('#history').scrollIntoViewIfNeeded();
  await says(page, '#history-note', 'has closed yet');
  await page.locator('#movers').scrollIntoViewIfNeeded();
  await says(page, '#movers-note', 'no customer moved this way');
  await page.locator('input[name=movement][value=likely]').check();
  await says(page, '#movers-note', 'Likely to expand: nobody');
  await page.locator('input[name=movement][value=expansion]').check();
  assert.deepEqual(await violations(page), []);
  assert((await overflow(page)) <= 0);
}

/** Has the browser say that the page is hidden, or seen again. */
const look = (page, hidden) =>
  page.evaluate((isHidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => isHidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);

await walk(async (browser) => {
  const whole = await open(browser, { height: TALL });
  const phone = await open(browser, { width: 360, height: 740 });
  const dark = await open(browser, { width: 360, height: 740, dark: true });
  for (const one of [whole, phone, dark]) await nobody(one);
  for (const { context } of [phone, dark]) await context.close();
  const polling = await open(browser, { height: TALL, parts: { ...silence, '/api/v1/stream': 404 } });
  const alone = await open(browser, { height: TALL, parts: silence });
  const failing = await open(browser, { height: TALL, parts: { '/api/v1/history': 503, '/api/v1/customers': 429, '/api/v1/rules': 500 } });
  const all = [whole, polling, alone, failing];
  const hidden = await open(browser, { height: TALL });
  for (const { page } of all) await closing(page, '0.000000');
  const { page, seen } = whole;

  await closing(hidden.page, '0.000000');
  await look(hidden.page, true);
  await page.evaluate(() => (window.loadedOnce = true));
  await outside('a customer of 100 a month, 130 since last week');
  for (const one of all) {
    await Promise.all([mrr(one.page, '130.000000'), closing(one.page, '130.000000')]);
    await one.page.locator('#figure-expansion_rate data[value="0.3"]').waitFor();
  }
  assert(!(await hidden.page.locator('#figure-mrr data[value="130.000000"]').count()), 'nobody looks at that page');
  await look(hidden.page, false);
  await mrr(hidden.page, '130.000000');
  await hidden.context.close();
  await says(failing.page, '#history-note', 'cannot be had at the moment, and are asked for again');
  await says(failing.page, '#movers-note', 'The list is being made');
  await says(alone.page, '#movers-note', 'Not known yet');
  await says(page, '#announcement', 'expansion rate');
  assert.equal(await page.evaluate(() => window.loadedOnce), true, 'the page was not loaded anew');
  all.forEach((one) => clean(one.seen));
  assert(!seen.requests.includes('/api/v1/now'), 'nobody asks while the stream speaks');

  // Lists follow at their own pace, and say of which instant they are until then.
  await page.locator('#movers-body a').filter({ hasText: 'a' }).waitFor();
  const now = await snapshot(page);
  isReport(now, (await api(`api/v1/report?window=${now.window}`)).body);
  isList(now, (await given(seen, '/api/v1/customers')).at(-1));
  isHistory(now, 'month', (await given(seen, '/api/v1/history')).at(-1));

  await outside('stop');
  for (const one of [page, polling.page]) {
    await says(one, '#phase', 'Connection lost');
    await says(one, '#banner', /Connection lost: the figures are of .* UTC/);
    await mrr(one, '130.000000');
    assert.deepEqual(await violations(one), []);
  }
  await outside('start');
  await outside('a customer of 20.25 a month');
  await Promise.all([mrr(page, '150.250000'), mrr(polling.page, '150.250000')]);
  await says(page, '#phase', 'Live');
  await says(polling.page, '#phase', 'Live');
  await page.waitForFunction(() => document.querySelectorAll('#banner p').length === 0);
  // A process that counts its figures anew, and may come to the same number as the one before with other figures.
  for (const [customer, exact] of [['c', '157.250000'], ['d', '164.250000'], ['e', '171.250000']]) {
    await outside(`another process, and customer ${customer} of 7 a month`);
    for (const one of [page, polling.page]) await Promise.all([mrr(one, exact), closing(one, exact)]);
  }
  assert.equal(await page.evaluate(() => window.loadedOnce), true, 'the page was not loaded anew');
});
