type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The members that have a value: what is left out and what is undefined are the same in a config, not in our types. */
export const defined = <T extends object>(facts: T): Defined<T> =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Defined<T>
