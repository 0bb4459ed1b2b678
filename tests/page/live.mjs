// Figures arrive by themselves: from no customer at all, through an end of the service, by the stream and without it.

import assert from 'node:assert/strict';
import { clean, open, outside, overflow, says, violations, walk } from './walk.mjs';

const closing = (page, exact) => page.locator(`#bridge-body tr.closing data[value="${exact}"]`).waitFor();
const mrr = (page, exact) => page.locator(`#figure-mrr data[value="${exact}"]`).waitFor();
const absent = { '/api/v1/history': 404, '/api/v1/customers': 404 };

await walk(async (browser) => {
  const { page, seen } = await open(browser, { parts: absent });
  const polling = await open(browser, { parts: { ...absent, '/api/v1/stream': 404 } });
  await says(page, '#phase', 'Live');
  await closing(page, '0.000000');
  for (const rate of ['expansion_rate', 'expansion_growth', 'net_revenue_retention', 'gross_revenue_retention']) {
    assert.equal(await page.locator(`#figure-${rate}`).innerText(), 'undefined', 'a rate of nothing is no figure');
  }
  await says(page, '#note-expansion_rate', 'No customer had revenue when the window opened');
  await says(page, '#segments-body', 'No segment has a customer');
  assert.deepEqual(await violations(page), []);
  assert((await overflow(page)) <= 0);

  await page.evaluate(() => (window.loadedOnce = true));
  await outside('a customer of 100 a month, 130 since last week');
  await Promise.all([mrr(page, '130.000000'), closing(page, '130.000000'), mrr(polling.page, '130.000000')]);
  await page.locator('#figure-expansion_rate data[value="0.3"]').waitFor();
  await closing(polling.page, '130.000000');
  await says(page, '#announcement', 'expansion rate');
  assert.equal(await page.evaluate(() => window.loadedOnce), true, 'the page was not loaded anew');
  clean(seen);
  clean(polling.seen);
  assert(!seen.requests.includes('/api/v1/now'), 'nobody asks while the stream speaks');

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
  assert.equal(await page.locator('#banner p').count(), 0, 'nothing is left to say');
  assert.equal(await page.evaluate(() => window.loadedOnce), true, 'the page was not loaded anew');
});
