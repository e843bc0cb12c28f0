/**
 * Integer nano-units of a currency (1e-9): a token of a cheap model costs 20.
 * A JavaScript integer is exact up to 9 million units of currency.
 */
export interface Money {
  readonly nano: number
  /** ISO 4217. */
  readonly currency: string
}
