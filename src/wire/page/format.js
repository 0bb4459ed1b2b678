// Figures for people. Money stays a decimal string from the report to the screen: digits are never taken through a float.

const UNITS = 1_000_000n;
const cache = new Map();

function formatter(options) {
  const key = JSON.stringify(options);
  if (!cache.has(key)) cache.set(key, new Intl.NumberFormat(undefined, options));
  return cache.get(key);
}

/** Micro-units of a decimal string such as "-12.500000". */
export function micros(decimal) {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(decimal);
  const size = BigInt(whole) * UNITS + BigInt(fraction.padEnd(6, '0'));
  return sign ? -size : size;
}

/** The decimal string of micro-units. */
export function decimal(size) {
  const [sign, rest] = size < 0n ? ['-', -size] : ['', size];
  return `${sign}${rest / UNITS}.${(rest % UNITS).toString().padStart(6, '0')}`;
}

/** Money from a decimal string, in the currency's own digits; `sign` puts a plus before a gain. */
export function money(text, currency, sign = false) {
  const options = { style: 'currency', currency, currencyDisplay: 'narrowSymbol', roundingMode: 'halfEven' };
  if (sign) options.signDisplay = 'exceptZero';
  return formatter(options).format(text);
}

/** Money where there is little room and the exact figure stands elsewhere. */
export function compactMoney(text, currency) {
  const options = { style: 'currency', currency, currencyDisplay: 'narrowSymbol', notation: 'compact', maximumSignificantDigits: 3 };
  return formatter(options).format(text);
}

/** Figures that mean something by the side of which a rate lies. */
const MARKS = [0, 0.1, 0.2, 0.3, 1];

/**
 * A fraction as percent with two decimals, and with more where two would say it had reached a mark that it has not: 9.9996 % is
 * lagging and must not read 10.00 %.
 */
export function percent(value, sign = false) {
  const text = (digits) =>
    formatter({
      style: 'percent',
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
      ...(sign ? { signDisplay: 'exceptZero' } : {}),
    }).format(value);
  for (let digits = 2; digits < 6; digits += 1) {
    const shown = Number((value * 100).toFixed(digits)) / 100;
    if (!MARKS.some((mark) => value !== mark && Math.abs(shown - mark) < 1e-12)) return text(digits);
  }
  return text(6);
}

/** A mark on a scale, such as 10 %. */
export const mark = (value) => formatter({ style: 'percent', maximumFractionDigits: 2 }).format(value);

/** A count. */
export const count = (value) => formatter({}).format(value);

/** A plain ratio such as the quick ratio. */
export const plain = (value) => formatter({ minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value);

/** An instant in the reporting zone. */
export function moment(instant, zone, withTime = true) {
  const time = withTime ? { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } : {};
  const options = { day: 'numeric', month: 'short', year: 'numeric', timeZone: zone, ...time };
  return new Intl.DateTimeFormat(undefined, options).format(new Date(instant));
}

const WINDOWS = {
  month_to_date: 'Month to date',
  last_month: 'Last month',
  quarter_to_date: 'Quarter to date',
  last_quarter: 'Last quarter',
  year_to_date: 'Year to date',
  last_year: 'Last year',
};

/** A window by a name for people. */
export function windowName(window) {
  const [, days] = /^trailing_(\d+)d$/.exec(window) ?? [];
  return days ? `${days} days` : (WINDOWS[window] ?? window);
}

/** `cross_sell` as `Cross-sell`. */
export function title(name) {
  const words = name === 'cross_sell' ? 'cross-sell' : name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
