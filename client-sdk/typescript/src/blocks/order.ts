// Fractional index keys: between any two keys there is another, so that moving one thing writes one thing.
//
// The same keys as the server's: a whole number and a fraction in base 36. The first letter says how many digits
// the number has (`n` one, `o` two ... from zero up; `m` one, `l` two ... below zero), so that the order of
// strings is the order of keys. A fraction never ends in `0`, which would leave no room before it.

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const BASE = 36n;
const ZERO_HEAD = 'n'.charCodeAt(0);
const MAX_CHARACTERS = 1000;

/** Returns a key behind `before` and before `after`; null means the end of the list on that side. */
export function keyBetween(before: string | null, after: string | null): string {
  if (before !== null && after !== null && before >= after) {
    throw new RangeError(`no key is between ${before} and ${after}`);
  }
  if (before === null) {
    if (after === null) return 'n0';
    const [number, fraction] = split(after);
    // The number alone is less than the number with a fraction.
    return write(fraction ? number : number - 1n);
  }
  const [number, fraction] = split(before);
  if (after === null) return write(number + 1n);
  const [afterNumber, afterFraction] = split(after);
  if (number === afterNumber) return write(number) + fractionBetween(fraction, afterFraction);
  const following = write(number + 1n);
  return following < after ? following : write(number) + fractionBetween(fraction, null);
}

/** Tells whether a value is a key that others can be put beside. */
export function isKey(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > MAX_CHARACTERS) return false;
  try {
    const [number] = split(value);
    write(number - 1n);
    write(number + 1n);
    return true;
  } catch {
    return false;
  }
}

/** Returns a key behind one of a list's keys, before all that are greater; null: before them all. */
export function keyBehind(after: string | null, keys: readonly string[]): string {
  let following: string | null = null;
  for (const key of keys) {
    if ((after === null || key > after) && (following === null || key < following)) following = key;
  }
  return keyBetween(after, following);
}

/** Returns a key behind all of a list's keys. */
export function keyAtEnd(keys: readonly string[]): string {
  let last: string | null = null;
  for (const key of keys) if (last === null || key > last) last = key;
  return keyBetween(last, null);
}

function split(key: string): [number: bigint, fraction: string] {
  const head = key ? key.charCodeAt(0) - ZERO_HEAD : 0;
  const length = head >= 0 ? head + 1 : -head;
  const digits = key.slice(1, 1 + length);
  const fraction = key.slice(1 + length);
  if (!/^[a-z][0-9a-z]+$/.test(key) || digits.length !== length || fraction.endsWith('0')) {
    throw new RangeError(`not an order key: ${key}`);
  }
  let value = 0n;
  for (const digit of digits) value = value * BASE + BigInt(DIGITS.indexOf(digit));
  return [head >= 0 ? start(length) + value : value - start(length + 1), fraction];
}

function write(number: bigint): string {
  let length = 1;
  const distance = number >= 0n ? number : -number - 1n;
  while (distance >= start(length + 1)) length += 1;
  let value = number >= 0n ? number - start(length) : number + start(length + 1);
  const head = ZERO_HEAD + (number >= 0n ? length - 1 : -length);
  if (head < 'a'.charCodeAt(0) || head > 'z'.charCodeAt(0)) {
    throw new RangeError('the list is too long for order keys');
  }
  let digits = '';
  for (let left = length; left > 0; left -= 1) {
    digits = DIGITS.charAt(Number(value % BASE)) + digits;
    value /= BASE;
  }
  return String.fromCharCode(head) + digits;
}

/** Returns the least number that has `length` digits: 0, 36, 36 + 36² ... */
function start(length: number): bigint {
  let sum = 0n;
  for (let power = 1; power < length; power += 1) sum += BASE ** BigInt(power);
  return sum;
}

/** Returns a fraction strictly between two, where the empty one is 0 and null is 1. */
function fractionBetween(low: string, high: string | null): string {
  let shared = '';
  let upper = high;
  for (let position = 0; ; position += 1) {
    const left = position < low.length ? DIGITS.indexOf(low.charAt(position)) : 0;
    const right = upper !== null && position < upper.length ? DIGITS.indexOf(upper.charAt(position)) : 36;
    if (right - left > 1) return shared + DIGITS.charAt((left + right) >> 1);
    shared += DIGITS.charAt(left);
    // Whatever follows the lower digit is less than the upper one.
    if (right - left === 1) upper = null;
  }
}
