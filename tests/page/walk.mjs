// What every walk over the page has in common: a real Chromium, a page that is watched, and somebody outside to ask.
//
// A walk is started by its Rust test with the page's address, and ends with code 0 if all held. What it cannot do itself it asks the
// test for by a line on standard output, "do: ...", and waits until the test has answered with a line.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.env.UPSWELL_PAGE_MODULES}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** Where the page is. */
export const base = process.argv[2];
const LONG = 120_000;

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the Rust test do something; its answer. */
export async function outside(what) {
  console.log(`do: ${what}`);
  const { value, done } = await answers.next();
  assert(!done, `nobody answered to ${what}`);
  return value;
}

/** A refusal in the shape of the API. */
const refusal = (status) => ({ status, contentType: 'application/json', body: JSON.stringify({ status: 'error', error: `Refused with ${status}.` }) });

/** Runs a walk in a browser and ends the process. */
export async function walk(steps) {
  const browser = await chromium.launch({ executablePath: process.env.UPSWELL_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-lcd-text'] });
  try {
    await steps(browser);
    console.log('passed');
  } catch (error) {
    console.error(error.stack ?? error);
    process.exitCode = 1;
  } finally {
    await browser.close();
    process.stdin.destroy();
  }
}

/**
 * Opens the page and watches it: errors on the console, requests that leave the origin, bytes on the network, answers of the API and
 * documents of the stream.
 * `parts` stand in for paths of the API in states that a service is hard to bring into: the status of a refusal, or 'silence' for one
 * that never answers. `refused` are paths that the service itself refuses. `before` is run in the page before its own scripts.
 */
export async function open(browser, { width = 1280, height = 900, dark = false, parts = {}, refused = [], hash = '', before = null, ...more } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    locale: 'en-US',
    timezoneId: 'UTC',
    ...more,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(LONG);
  const seen = { errors: [], strangers: [], requests: [], bytes: 0, answers: [], documents: [] };
  page.on('console', (message) => {
    const isAsked = [...Object.keys(parts), ...refused].some((path) => message.location().url?.includes(path));
    if (['error', 'warning'].includes(message.type()) && !isAsked) seen.errors.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => seen.errors.push(error.message));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(base).origin) seen.strangers.push(request.url());
    seen.requests.push(new URL(request.url()).pathname);
  });
  page.on('response', (answer) => {
    const { pathname, search } = new URL(answer.url());
    if (!pathname.startsWith('/api/') || pathname === '/api/v1/stream') return;
    // One that was given up has no body any more, and is shown nowhere.
    const given = answer.json().then((body) => ({ path: pathname, search, status: answer.status(), body })).catch(() => null);
    seen.answers.push(given);
  });
  const network = await context.newCDPSession(page);
  await network.send('Network.enable');
  network.on('Network.loadingFinished', ({ encodedDataLength }) => (seen.bytes += encodedDataLength));
  network.on('Network.eventSourceMessageReceived', ({ data }) => seen.documents.push(JSON.parse(data)));
  for (const [path, part] of Object.entries(parts)) {
    await page.route(new RegExp(`${path}(\\?|$)`), (route) => (part === 'silence' ? null : route.fulfill(refusal(part))));
  }
  if (before !== null) await page.addInitScript(before);
  await page.goto(`${base}/${hash}`);
  return { page, seen, context };
}

/** The answers that the page was given from a path, the newest last. */
export async function given(seen, path) {
  const answers = await Promise.all(seen.answers);
  return answers.filter((answer) => answer?.path === path && answer.status === 200).map((answer) => answer.body);
}

/** Brings every part in sight, so that all of them are there; then back to the top. */
export async function everything(page) {
  await page.locator('#figure-expansion_rate data').waitFor();
  await page.locator('#rules-body tr').first().waitFor({ state: 'attached' });
  for (const section of ['history', 'movers']) {
    await page.locator(`#${section}`).scrollIntoViewIfNeeded();
    await page.locator(`#${section}-body tr`).first().waitFor();
  }
  await page.evaluate(() => window.scrollTo(0, 0));
}

/** That nothing went wrong which nobody looked at. */
export function clean(seen) {
  assert.deepEqual(seen.errors, [], 'errors on the console');
  assert.deepEqual(seen.strangers, [], 'requests that left the origin');
}

/** One answer of the API, past the browser. */
export async function api(path) {
  const answer = await fetch(`${base}/${path}`);
  return { status: answer.status, body: await answer.json() };
}

/** Waits until the page says something somewhere. */
export async function says(page, selector, text) {
  await page.locator(selector).filter({ hasText: text }).first().waitFor({ state: 'attached' });
}

/** What axe finds wrong. */
export async function violations(page) {
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.map((one) => `${one.id}: ${one.help} (${one.nodes.map((node) => node.target.join(' ')).join(', ')})`);
}

/** By how much the page is wider than its window. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
