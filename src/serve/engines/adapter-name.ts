/** What clients call a row's adapter. */
export const adapterName = (row: string, adapter: string): string => `${row}:${adapter}`
