// Everybody can use it, with every part as the service answers it: light and dark, desktop and phone, by keyboard and by ear; and it is small.

import assert from 'node:assert/strict';
import { clean, everything, open, overflow, violations, walk } from './walk.mjs';

const LOOKS = [
  { width: 1280, height: 900 },
  { width: 1280, height: 900, dark: true },
  { width: 360, height: 740 },
  { width: 360, height: 740, dark: true },
];

const light = (page) => page.evaluate(() => {
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
  return (red + green + blue) / 765;
});

async function looks(browser) {
  for (const look of LOOKS) {
    const { page, seen, context } = await open(browser, look);
    await everything(page);
    const name = JSON.stringify(look);
    assert.deepEqual(await violations(page), [], name);
    await page.locator('details').evaluateAll((all) => all.forEach((one) => (one.open = true)));
    assert.deepEqual(await violations(page), [], `${name}, definitions open`);
    await page.locator('input[name=movement][value=likely]').check();
    await page.locator('#movers-head th').filter({ hasText: 'Likely gain' }).waitFor();
    assert.deepEqual(await violations(page), [], `${name}, likely to expand`);
    assert((await overflow(page)) <= 0, `${name}: wider than the window`);
    assert.equal((await light(page)) < 0.5, look.dark === true, name);
    clean(seen);
    await context.close();
  }
}

/** How much is fetched until the first figures and in all; how long they take is printed, because it is the machine's affair too. */
async function weight(browser) {
  const first = () => {
    const look = new MutationObserver(() => {
      if (document.querySelector('#figure-expansion_rate data') === null) return;
      window.firstFigures = performance.now();
      look.disconnect();
    });
    look.observe(document, { childList: true, subtree: true });
  };
  const { page, seen } = await open(browser, { before: first });
  await page.locator('#figure-expansion_rate data').waitFor();
  // The picture of the tab comes whenever the browser likes.
  const asked = seen.requests.filter((path) => path !== '/page/icon.svg');
  await everything(page);
  assert(seen.bytes > 10_000 && seen.bytes < 300_000, `${seen.bytes} bytes`);
  // Page, its files, the stream, the report: four round trips, and nothing is waited for in between.
  const files = asked.filter((path) => path === '/' || path.startsWith('/page/'));
  const calls = asked.slice(files.length);
  assert.deepEqual(asked.slice(0, files.length), files, 'files come first');
  const waitedFor = calls.slice(0, calls.indexOf('/api/v1/report') + 1).filter((path) => path !== '/api/v1/rules');
  assert.deepEqual(waitedFor, ['/api/v1/stream', '/api/v1/report']);
  const named = await page.locator('link[rel=modulepreload], link[rel=stylesheet], script[src], link[rel=icon]').count();
  assert(new Set(files).size <= named + 1, 'the page names every file, so that they are fetched at once');
  const time = await page.evaluate(() => window.firstFigures);
  console.log(`${seen.bytes} bytes with every part; the first figures were drawn ${Math.round(time)} ms after the address was entered`);
  const before = seen.bytes;
  const read = page.waitForResponse((answer) => answer.url().endsWith('/page/style.css'));
  await page.reload();
  assert.equal((await read).status(), 304, 'the browser keeps files, and is told that they have not changed');
  await page.locator('#figure-expansion_rate data').waitFor();
  assert(seen.bytes - before < before, 'files are kept');
}

const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  const ring = element.matches('.choice input') ? element.nextElementSibling : element;
  const { outlineStyle, outlineWidth } = getComputedStyle(ring);
  const isSeen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  return { id: element.id, name: element.name ?? element.dataset.column ?? '', text: element.textContent.trim().slice(0, 40), tag: element.localName, isSeen, column: element.dataset.column };
});

async function keyboard(browser) {
  const { page } = await open(browser);
  await everything(page);
  const customer = await page.locator('#movers-body a').first().textContent();
  await page.keyboard.press('Tab');
  assert.equal((await focused(page)).text, 'Skip to the figures');
  assert(await page.locator('.skip').evaluate((link) => link.getBoundingClientRect().top >= 0), 'the link is seen when it has the focus');
  await page.keyboard.press('Tab');
  assert.equal((await focused(page)).text, 'Definitions of the line above');
  await page.keyboard.press('Tab');
  assert.equal((await focused(page)).name, 'window');
  const before = await page.locator('input[name=window]:checked').inputValue();
  await page.keyboard.press('ArrowLeft');
  const after = await page.locator('input[name=window]:checked').inputValue();
  assert.notEqual(after, before, 'arrows choose another window');
  await page.waitForFunction((window) => location.hash === `#window=${window}`, after);
  assert.equal((await focused(page)).name, 'window', 'the focus stays');

  // Everything that can be used is reached, in the order it is read, and is seen to have the focus.
  const stops = [];
  for (let at = 0; at < 120; at += 1) {
    await page.keyboard.press('Tab');
    const stop = await focused(page);
    if (stop.tag === 'body') break;
    assert(stop.isSeen, `no focus is seen on ${JSON.stringify(stop)}`);
    stops.push(stop);
  }
  const reached = (test, what) => assert(stops.some(test), `${what} is not reached: ${JSON.stringify(stops.map((stop) => stop.text || stop.name))}`);
  reached((stop) => stop.tag === 'summary' && stop.text.startsWith('Definition of expansion rate'), 'the definition of the expansion rate');
  reached((stop) => stop.name === 'dimension', 'the choice of a dimension');
  for (const column of ['value', 'expansion_rate', 'closing', 'customers']) reached((stop) => stop.column === column, `sorting by ${column}`);
  reached((stop) => stop.name === 'every', 'the length of a period');
  reached((stop) => stop.name === 'movement', 'the choice of a movement');
  reached((stop) => stop.tag === 'a' && stop.text === customer, 'a customer');
  reached((stop) => stop.tag === 'a' && stop.text === 'metrics', 'the links at the foot');

  const definition = page.locator('.lead summary');
  await definition.focus();
  await page.keyboard.press('Enter');
  assert(await page.locator('.lead details p').isVisible());
  const button = page.locator('button[data-column=opening]');
  await button.focus();
  await page.keyboard.press('Enter');
  await page.locator('th[aria-sort=descending] button[data-column=opening]').waitFor();
  await page.keyboard.press('Space');
  await page.locator('th[aria-sort=ascending] button[data-column=opening]').waitFor();
  assert.equal((await focused(page)).column, 'opening', 'the focus stays on the column');
  assert(await page.locator('.lead details p').isVisible(), 'a definition stays open while figures are drawn anew');
}

/** What a screen reader finds. */
async function ear(browser) {
  const { page } = await open(browser);
  await everything(page);
  await page.getByRole('heading', { level: 1, name: 'Upswell' }).waitFor();
  for (const name of ['MRR bridge', 'Expansion by motion', 'Segments', 'Closed periods', 'Top movers', 'Alerts', 'How to read this page']) {
    await page.getByRole('heading', { level: 2, name, exact: true }).waitFor();
  }
  for (const step of ['Opening', 'New', 'Reactivation', 'Expansion', 'Contraction', 'Churn', 'Closing']) {
    await page.getByRole('region', { name: 'MRR bridge' }).getByRole('rowheader', { name: step, exact: true }).waitFor();
  }
  await page.getByRole('columnheader', { name: 'Expansion rate' }).first().waitFor();
  await page.getByRole('group', { name: 'Window' }).getByRole('radio', { name: '365 days' }).waitFor();
  assert.match(await page.locator('[aria-live=polite]').textContent(), /^365 days: expansion rate [\d.]+%, net revenue retention/);
  assert.equal(await page.locator('.method > li').count(), 7);
  assert.equal(await page.locator('svg:not([aria-hidden])').count(), 0, 'drawings repeat what tables say');
}

async function rest(browser) {
  for (const [reducedMotion, moves] of [['reduce', false], ['no-preference', true]]) {
    const { page } = await open(browser, { reducedMotion });
    await page.locator('#figure-expansion_rate data').waitFor();
    const duration = await page.locator('.bars rect').first().evaluate((bar) => getComputedStyle(bar).transitionDuration);
    assert.equal(duration.split(',').some((one) => parseFloat(one) > 0), moves, `${reducedMotion}: ${duration}`);
  }
}

await walk(async (browser) => {
  for (const step of [looks, weight, keyboard, ear, rest]) {
    console.log(step.name);
    await step(browser);
  }
});
