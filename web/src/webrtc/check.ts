/**
 * Small checkers that turn JSON of unknown origin into typed values.
 *
 * Each copies what it knows into a fresh object and leaves the rest behind. So a field that a newer server adds does no
 * harm, and neither does `__proto__`: only a value's own, expected fields are ever read.
 */

/** Returns the checked value, or throws a `Refusal` that says where the value is wrong. */
export type Check<T> = (value: unknown, where: string) => T;

/** Why a value was refused; holds the place and what was expected there, never the value itself. */
export class Refusal extends Error {}

/** A name that a newer server may use: the thing that it describes is to be passed over. */
class Unknown extends Refusal {}

function refuse(where: string, expected: string): never {
  throw new Refusal(`${where} is not ${expected}`);
}

export const boolean: Check<boolean> = (value, where) =>
  typeof value === "boolean" ? value : refuse(where, "true or false");

/** A whole number that fits in `bits` bits, as the protocol's all do. */
export const unsigned =
  (bits: 8 | 16 | 32): Check<number> =>
  (value, where) =>
    typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** bits
      ? value
      : refuse(where, `an integer of ${bits} bits`);

/** Text of at most `maxLength` UTF-16 units. */
export const text =
  (maxLength: number): Check<string> =>
  (value, where) =>
    typeof value === "string" && value.length <= maxLength ? value : refuse(where, `text of at most ${maxLength}`);

export const matching =
  (pattern: RegExp): Check<string> =>
  (value, where) =>
    typeof value === "string" && pattern.test(value) ? value : refuse(where, `of the form ${pattern.source}`);

/** One of the known names, or `otherwise` for a name that is not known here yet. */
export const oneOf =
  <const T extends string, const U>(known: readonly T[], otherwise: U): Check<T | U> =>
  (value, where) => {
    const name = text(64)(value, where);
    return known.find((it) => it === name) ?? otherwise;
  };

export const exactly =
  <const T extends string>(...known: readonly T[]): Check<T> =>
  (value, where) =>
    known.find((it) => it === value) ?? refuse(where, known.join(" or "));

/** One of the known names. `listOfKnown` leaves out what has another. */
export const known =
  <const T extends string>(...names: readonly T[]): Check<T> =>
  (value, where) => {
    const name = text(64)(value, where);
    const match = names.find((it) => it === name);
    if (match === undefined) throw new Unknown(`${where} is not known here`);
    return match;
  };

export const list =
  <T>(maxLength: number, item: Check<T>): Check<readonly T[]> =>
  (value, where) =>
    Array.isArray(value) && value.length <= maxLength
      ? value.map((it, index) => item(it, `${where}[${index}]`))
      : refuse(where, `a list of at most ${maxLength}`);

/** Like `list`, without the items that a newer server describes in names not known here. */
export const listOfKnown =
  <T>(maxLength: number, item: Check<T>): Check<readonly T[]> =>
  (value, where) =>
    list(maxLength, (it, place) => {
      try {
        return [item(it, place)];
      } catch (error) {
        if (error instanceof Unknown) return [];
        throw error;
      }
    })(value, where).flat();

/** The fields that `T` cannot be without, and those that it can. */
type Required_<T> = { [K in keyof T as undefined extends T[K] ? never : K]: Check<T[K]> };
type Optional_<T> = { [K in keyof T as undefined extends T[K] ? K : never]-?: Check<Exclude<T[K], undefined>> };

/** An object with these fields. An optional one may be absent or `null`. */
export const object =
  <T extends object>(required: Required_<T>, optional: Optional_<T>): Check<T> =>
  (value, where) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(where, "an object");
    const own = (name: string): unknown =>
      Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null;
    const copy: Record<string, unknown> = {};
    for (const [name, check] of entries(required)) copy[name] = check(own(name), `${where}.${name}`);
    for (const [name, check] of entries(optional)) {
      const field = own(name);
      if (field !== null) copy[name] = check(field, `${where}.${name}`);
    }
    return copy as T;
  };

function entries(checks: object): [string, Check<unknown>][] {
  return Object.entries(checks as Record<string, Check<unknown>>);
}
