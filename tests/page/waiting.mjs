// What is not known is not shown as 0: while the service catches up, while it waits later on, and where an instance has only a share.

import assert from 'node:assert/strict';
import { clean, open, outside, overflow, says, violations, walk } from './walk.mjs';

await walk(async (browser) => {
  // Nobody looks at accounts on this stage: lists are refused, which takes no figure away.
  const refused = ['/api/v1/history', '/api/v1/customers'];
  const { page, seen } = await open(browser, { refused });
  const light = await open(browser, { refused, width: 360, height: 740 });
  const dark = await open(browser, { refused, width: 360, height: 740, dark: true });
  for (const one of [page, light.page, dark.page]) {
    await says(one, '#phase', 'Catching up');
    await says(one, '#lag', '12,400 records behind');
    await says(one, '#banner', 'Reading up to the ends');
    await says(one, '#rules-body', 'Trouble');
    assert.equal(await one.locator('main section:not(#alerts) data').count(), 0, 'there is no figure; an alert holds what it last observed');
    await says(one, '#movers-note', 'Not known yet.');
    await says(one, '#history-note', 'Not known yet.');
    for (const card of await one.locator('p.figure').all()) assert.equal(await card.innerText(), 'not known yet');
    for (const cell of await one.locator('#bridge-body td.number, #motions-body td.number, dl.rates dd').all()) {
      assert.equal(await cell.innerText(), 'not known yet');
    }
    assert.deepEqual(await violations(one), []);
    assert((await overflow(one)) <= 0);
  }
  clean(seen);

  await outside('publish');
  await page.locator('#figure-expansion_rate data').waitFor();
  await says(page, '#phase', 'Live');
  assert.equal(await page.locator('#banner p').count(), 0);
  const before = await page.locator('#figure-mrr data').getAttribute('value');

  await outside('wait for the registry');
  await says(page, '#phase', 'Waiting for registry');
  await says(page, '#banner', 'The registry does not answer');
  assert.equal(await page.locator('#figure-mrr data').getAttribute('value'), before, 'an outage takes no figure away');

  await outside('share');
  await says(page, '#banner', 'These figures cover 3 of 8 partitions');
  clean(seen);

  await outside('withdraw');
  await page.locator('#figure-expansion_rate .unknown').waitFor();
  assert.equal(await page.locator('main section:not(#alerts) data').count(), 0, 'what is no longer known is not shown');
});
