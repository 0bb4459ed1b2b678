// The demo's page is alive: its figures are those of the report it has just read, and they move. Draws the pictures of the documentation.

import assert from 'node:assert/strict';
import { clean, open, overflow, walk } from './walk.mjs';

const steps = (page) => page.locator('#bridge-body tr').evaluateAll((rows) => rows.map((row) => row.querySelector('data')?.value.replace('-', '')));

const PICTURES = [
  { name: 'page', width: 1160, height: 970 },
  { name: 'page-dark', width: 1160, height: 970, dark: true },
  { name: 'page-phone', width: 360, height: 1400 },
];

await walk(async (browser) => {
  const { page, seen } = await open(browser, { parts: { '/api/v1/history': 404, '/api/v1/customers': 404 } });
  const reports = new Set();
  page.on('response', async (answer) => {
    if (!answer.url().includes('/api/v1/report')) return;
    // On a busy machine the demo may lose its partitions for a moment, and says so.
    if (answer.status() === 503) return;
    const body = await answer.text().catch(() => '{"windows":[]}');
    assert.equal(answer.status(), 200, body);
    JSON.parse(body).windows.forEach((window) => reports.add(Object.values(window.mrr).slice(0, 7).join(' ')));
  });
  await page.locator('#figure-expansion_rate data').waitFor();
  const shown = new Set();
  while (shown.size < 4) {
    const last = (await steps(page))[6];
    await page.waitForFunction((before) => document.querySelector('#bridge-body tr.closing data').value !== before, last);
    const now = (await steps(page)).join(' ');
    if (reports.size > 0) shown.add(now);
  }
  // A report read before anybody listened may be the first one shown.
  const strangers = [...shown].filter((one) => !reports.has(one));
  assert(strangers.length <= 1, `shown, but in no report: ${strangers.join('; ')}`);
  await page.locator('.pill.live').waitFor();
  await page.locator('#rules-body tr').first().waitFor({ state: 'attached' });
  seen.errors = seen.errors.filter((error) => !/status of 503 .*\/api\/v1\/report/.test(error));
  clean(seen);
  const pictures = process.env.UPSWELL_SCREENSHOTS;
  for (const { name, ...look } of pictures ? PICTURES : []) {
    const one = await open(browser, look);
    await one.page.locator('#figure-expansion_rate data').waitFor();
    await one.page.locator('#rules-body tr').first().waitFor({ state: 'attached' });
    await one.page.waitForFunction(() => document.querySelector('#movers-note').textContent !== 'Not known yet.');
    assert((await overflow(one.page)) <= 0);
    await one.page.screenshot({ path: `${pictures}/${name}.png` });
  }
});
