// The demo's page is alive: at every moment its figures are those of an answer of the API, and they move. Draws the pictures of the
// documentation.

import assert from 'node:assert/strict';
import { areThresholds, isHistory, isList, isNow, isReport, isRules, snapshot } from './judge.mjs';
import { clean, everything, given, open, overflow, walk } from './walk.mjs';

const PICTURES = [
  { name: 'page', width: 1160, height: 970 },
  { name: 'page-dark', width: 1160, height: 970, dark: true },
  { name: 'page-phone', width: 360, height: 1400 },
];
/** On a busy machine the demo may lose its partitions for a moment, and says so. */
const refused = ['/api/v1/report', '/api/v1/customers', '/api/v1/history'];
/** Moments at which the page is judged. */
const MOMENTS = 8;

/** The answer of which an instant on the page is. */
const of = (answers, asOf) => answers.filter((answer) => answer.as_of === asOf).at(-1);

/** Each part against the answer it says it is of; false if that was given before anybody listened. */
async function judge(page, seen) {
  const now = await snapshot(page);
  // While only time goes on, the figures of a report stand for a later instant as well.
  const report = (await given(seen, '/api/v1/report')).filter(({ as_of }) => Date.parse(as_of) <= Date.parse(now.asOf)).at(-1);
  const list = of(await given(seen, '/api/v1/customers'), now.movers.times[0]);
  const history = of(await given(seen, '/api/v1/history'), now.history.times[0]);
  const rules = (await given(seen, '/api/v1/rules')).filter(({ data }) => data.groups[0].lastEvaluation === now.alerts.times[0]).at(-1);
  if (!report || !list || !history || !rules) return null;
  isReport(now, report);
  isNow(now, of(seen.documents, now.present));
  isList(now, list);
  isHistory(now, now.every, history);
  isRules(now, rules);
  areThresholds(now, rules);
  return now.bridge.map((figure) => figure.value).join(' ');
}

await walk(async (browser) => {
  // So high a window has every part in sight.
  const { page, seen } = await open(browser, { height: 4_000, refused });
  await everything(page);
  const shown = new Set();
  while (shown.size < MOMENTS) {
    const last = await page.locator('#bridge-body').innerText();
    await page.waitForFunction((before) => document.querySelector('#bridge-body').innerText !== before, last);
    const moment = await judge(page, seen);
    if (moment !== null) shown.add(moment);
  }
  console.log(`${shown.size} moments were those of the API`);
  await page.locator('.pill.live').waitFor();
  clean(seen);
  const pictures = process.env.UPSWELL_SCREENSHOTS;
  for (const { name, ...look } of pictures ? PICTURES : []) {
    const one = await open(browser, look);
    await everything(one.page);
    assert((await overflow(one.page)) <= 0);
    await one.page.screenshot({ path: `${pictures}/${name}.png` });
  }
});
