// How figures have to read: rounded from the exact decimal digits of the report by integers alone, which is not how the page does it.

import assert from 'node:assert/strict';

/** An integer divided, half to even. */
function divided(number, by) {
  const [size, sign] = number < 0n ? [-number, -1n] : [number, 1n];
  const [whole, rest] = [size / by, size % by];
  const up = rest * 2n > by || (rest * 2n === by && whole % 2n === 1n);
  return sign * (whole + (up ? 1n : 0n));
}

/** The digits of a decimal string as an integer with so many decimals. */
function digits(text, decimals) {
  const [, minus, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  assert(fraction.length <= decimals, text);
  return BigInt(`${minus}${whole}${fraction.padEnd(decimals, '0')}`);
}

/** Dollars with cents, as an American reads them. */
export function dollars(text, sign = false) {
  const cents = divided(digits(text, 6), 10_000n);
  const size = (cents < 0n ? -cents : cents).toString().padStart(3, '0');
  const whole = size.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',');
  const before = cents < 0n || (text.startsWith('-') && cents === 0n && !sign) ? '-' : sign && cents > 0n ? '+' : '';
  return `${before}$${whole}.${size.slice(-2)}`;
}

/** That a text is this fraction in percent: right in every digit it shows, and at least two after the point. */
export function isPercent(text, value) {
  const [, shown, fraction] = /^[+-]?([\d,]+\.(\d{2,6}))%$/.exec(text) ?? assert.fail(`${text} is no percentage`);
  const size = Number(shown.replaceAll(',', ''));
  assert(Math.abs(size - Math.abs(value) * 100) <= 0.5 * 10 ** -fraction.length * (1 + 1e-9), `${text} is not ${value}`);
  const sign = text.startsWith('-') ? -1 : 1;
  assert(size === 0 || sign === Math.sign(value), `${text} is not ${value}`);
  for (const mark of [0, 0.1, 0.2, 0.3, 1]) {
    assert(value === mark || Math.abs(value - mark) < 1e-7 || (sign * size) / 100 !== mark, `${text} reads as ${mark}, ${value} is not`);
  }
}
