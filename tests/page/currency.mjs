// Money reads as its currency and the reader's language have it: yen have no decimals, Kuwaiti dinars three.

import assert from 'node:assert/strict';
import { api, clean, open, walk } from './walk.mjs';

/** Half to even: 1234.5 yen are 1234, 1.2345 dinars are 1.234. */
const READ = {
  JPY: { exact: '1234.500000', 'en-US': '¥1,234', 'de-DE': '1.234 ¥', 'ja-JP': '￥1,234' },
  KWD: { exact: '1234.500000', 'en-US': 'KWD 1,234.500', 'de-DE': '1.234,500 KWD' },
};

await walk(async (browser) => {
  const { currency } = (await api('api/v1/now')).body;
  const { exact, ...texts } = READ[currency];
  for (const [locale, text] of Object.entries(texts)) {
    const { page, seen, context } = await open(browser, { locale });
    const figure = page.locator(`#figure-mrr data[value="${exact}"]`);
    await figure.waitFor();
    assert.equal((await figure.textContent()).replaceAll('\u00a0', ' '), text, locale);
    assert.equal(await page.locator('#currency').textContent(), currency);
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    clean(seen);
    await context.close();
  }
});
