// Where anybody could reach the address, customers are not shown: the page says so, and what to do.

import assert from 'node:assert/strict';
import { api, clean, open, overflow, says, violations, walk } from './walk.mjs';

await walk(async (browser) => {
  const { status, body } = await api('api/v1/customers?likely=expand&top=10');
  assert.equal(status, 403);
  for (const look of [{}, { width: 360, height: 740, dark: true }]) {
    const { page, seen } = await open(browser, { ...look, refused: ['/api/v1/customers', '/api/v1/history'] });
    await page.locator('#figure-expansion_rate data').waitFor();
    await page.locator('#movers').scrollIntoViewIfNeeded();
    await says(page, '#movers-note', 'Customers are not shown at this address.');
    await says(page, '#movers-note', body.error);
    for (const way of ['http.web_config', 'http.listen', 'http.customer_data_without_auth']) await says(page, '#movers-note', way);
    assert(await page.locator('#movers-table').isHidden());
    assert.deepEqual(await violations(page), []);
    assert((await overflow(page)) <= 0);
    clean(seen);
  }
});
