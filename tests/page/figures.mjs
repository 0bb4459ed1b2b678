// Every figure on the page is the API's, in every window, dimension, order and list, against a service that has read a history.

import assert from 'node:assert/strict';
import { areThresholds, byName, COLUMNS, isHistory, isList, isNow, isReport, isRules, micros, snapshot } from './judge.mjs';
import { api, clean, given, open, says, walk } from './walk.mjs';

/** One answer of the API that has to be there. */
async function body(path) {
  const answer = await api(path);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

/**
 * Judges the page against answers that are asked for past it. Both go on by themselves: where they differ because something happened in
 * between, they are the same a moment later.
 */
async function judged(page, judge) {
  for (let turn = 1; ; turn += 1) {
    try {
      return await judge();
    } catch (error) {
      if (turn === 40) throw error;
      await page.waitForResponse(() => true, { timeout: 1_000 }).catch(() => null);
    }
  }
}

/** The page shows the report of a window, and says of which instant: that of its answer, or a later one at which nothing has changed. */
const reportOf = (page, seen, window) =>
  judged(page, async () => {
    const now = await snapshot(page);
    const report = await body(`api/v1/report?window=${window}`);
    isReport(now, report);
    isNow(now, seen.documents.findLast((document) => document.as_of === now.present));
    const [own, asOf] = [Date.parse((await shown(seen, 'report')).as_of), Date.parse(now.asOf)];
    assert(own <= asOf && asOf <= Date.parse(report.as_of), `${now.asOf} is not of these figures`);
    areThresholds(now, await body('api/v1/rules'));
    return report;
  });

async function windows(page, seen) {
  const { windows: all } = await body('api/v1/report');
  for (const { window } of all) {
    await page.locator(`input[name=window][value=${window}]`).check();
    await reportOf(page, seen, window);
    assert(page.url().endsWith(`#window=${window}`), 'a window has an address');
    assert.equal(await page.locator('body.stale').count(), 0, 'the chosen window is the one that is shown');
  }
}

/** Every dimension, every segment of it, sorted by every column both ways, undefined figures last both ways. */
async function segments(page, seen) {
  await page.locator('input[name=window][value=trailing_365d]').check();
  const { windows: [report] } = await reportOf(page, seen, 'trailing_365d');
  for (const dimension of new Set(report.segments.map((one) => one.dimension))) {
    await page.locator(`input[name=dimension][value="${dimension}"]`).check();
    const all = page.locator('#segments-all');
    if ((await all.count()) > 0) await all.click();
    const wanted = byName(report, dimension);
    await page.waitForFunction((count) => document.querySelectorAll('#segments-body th').length === count, wanted.size);
    await reportOf(page, seen, 'trailing_365d');
    await sorting(page, wanted);
  }
}

async function sorting(page, wanted) {
  for (const [key, of] of [['value', (one) => one.value], ...COLUMNS]) {
    const header = page.locator(`#segments-head th:has(button[data-column=${key}])`);
    for (const turn of [1, 2]) {
      const before = await header.getAttribute('aria-sort');
      await header.locator('button').click();
      await page.waitForFunction(([column, old]) => document.querySelector(`th:has(button[data-column=${column}])`).getAttribute('aria-sort') !== old, [key, before]);
      const direction = await header.getAttribute('aria-sort');
      const sign = direction === 'ascending' ? 1 : -1;
      const values = (await snapshot(page)).segments.map((row) => of(wanted.get(row.name)));
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

/** The answer that the page was given last. What it shows may be minutes old, and says so. */
const shown = async (seen, path) => (await given(seen, `/api/v1/${path}`)).at(-1);

/** What the page was given is what anybody else is given who asks. */
async function isOwn(answer, path, fields) {
  const own = await body(path);
  for (const field of fields) assert.deepEqual(answer[field], own[field], `${field} of ${path}`);
}

/** Closed months, quarters and years; the first few, and all. */
async function history(page, seen) {
  await page.locator('#history').scrollIntoViewIfNeeded();
  for (const every of ['month', 'quarter', 'year']) {
    await page.locator(`input[name=every][value=${every}]`).check();
    const { history: drawn } = await judged(page, async () => {
      const now = await snapshot(page);
      isHistory(now, every, await shown(seen, 'history'));
      return now;
    });
    await isOwn(await shown(seen, 'history'), `api/v1/history?every=${every}&limit=24`, ['periods', 'complete_since']);
    if (every === 'month') {
      assert.equal(drawn.rows.length, 6);
      await page.locator('#history-more button').click();
      await page.waitForFunction(() => document.querySelectorAll('#history-body tr').length === 24);
      isHistory(await snapshot(page), every, await shown(seen, 'history'));
      assert.equal(await page.locator('#history-chart rect').count(), 24, 'a column for each month');
      await page.locator('#history-more button').click();
    }
  }
}

/** Who moved, in two windows and each way, and who is likely to expand; the lists that all pages share are those of a listing. */
async function lists(page, seen) {
  await page.locator('#movers').scrollIntoViewIfNeeded();
  for (const window of ['trailing_365d', 'last_month']) {
    await page.locator(`input[name=window][value=${window}]`).check();
    for (const movement of ['expansion', 'contraction', 'churn', 'new', 'reactivation']) {
      await page.locator(`input[name=movement][value=${movement}]`).check();
      await listOf(page, seen, `window=${window}&movement=${movement}`);
    }
  }
  await page.locator('input[name=movement][value=likely]').check();
  const { customers } = await listOf(page, seen, 'likely=expand');
  assert(customers.some((one) => one.scheduled_at !== null || one.run_rate_before !== null), 'somebody is likely to expand');
  await page.locator('input[name=movement][value=expansion]').check();
  const { customers: [first] } = await listOf(page, seen, 'window=last_month&movement=expansion');
  const path = await page.locator('#movers-body a').first().getAttribute('href');
  assert.equal((await body(path)).customer_id, first.customer_id, 'a customer has an address');
}

/** Who asks a little later, and for fewer, is given what was made for another. */
async function shared() {
  const path = 'api/v1/customers?window=trailing_365d&movement=closing';
  const first = await body(`${path}&top=10`);
  for (let now = first; now.as_of === first.as_of; now = await body('api/v1/now'));
  const second = await body(`${path}&top=3`);
  assert.equal(second.as_of, first.as_of);
  assert.deepEqual([second.customers, second.total, second.next_cursor], [first.customers.slice(0, 3), first.total, null]);
}

async function listOf(page, seen, question) {
  const list = await judged(page, async () => {
    const list = await shown(seen, 'customers');
    const [window, movement] = [/window=(\w+)/, /movement=(\w+)/].map((pattern) => pattern.exec(question)?.[1]);
    assert.deepEqual([list.window, list.movement], [window, movement], 'the list that was chosen is there');
    isList(await snapshot(page), list);
    return list;
  });
  await isOwn(list, `api/v1/customers?${question}&limit=10`, ['customers', 'total']);
  return list;
}

const alerts = (page) =>
  judged(page, async () => {
    const rules = await body('api/v1/rules');
    isRules(await snapshot(page), rules);
    const active = rules.data.groups[0].rules.flatMap((rule) => rule.alerts);
    for (const name of ['RateLow', 'SeatsLow', 'LastMonthLarge']) assert(active.some((alert) => alert.labels.alertname === name), `${name} fires`);
  });

/** Pages ask for lists only when they are looked at. */
async function unseen(browser) {
  const { page, seen } = await open(browser, { width: 360, height: 500 });
  await page.locator('#figure-expansion_rate data').waitFor();
  await says(page, '#phase', 'Live');
  const asked = (path) => seen.requests.includes(path);
  assert(!asked('/api/v1/customers') && !asked('/api/v1/history'), 'nobody has seen a list');
  await page.locator('#history').scrollIntoViewIfNeeded();
  await page.locator('#history-body tr').first().waitFor();
  await page.locator('#movers').scrollIntoViewIfNeeded();
  await page.locator('#movers-body tr').first().waitFor();
  clean(seen);
}

await walk(async (browser) => {
  await unseen(browser);
  const { page, seen } = await open(browser);
  await page.locator('#figure-expansion_rate data').waitFor();
  for (const step of [windows, segments, history, lists, shared, alerts]) {
    console.log(step.name);
    await step(page, seen);
  }
  clean(seen);
  const second = await open(browser, { hash: '#window=last_quarter' });
  await reportOf(second.page, second.seen, 'last_quarter');
  clean(second.seen);
});
