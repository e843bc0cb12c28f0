/** What others wrote, with everything that a terminal would obey written out: `\x1b[31mred`. Pure. */
export const escaped = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (sign) => {
    const code = (sign.codePointAt(0) ?? 0).toString(16)
    return code.length > 2 ? `\\u{${code}}` : `\\x${code.padStart(2, '0')}`
  })

/** The same for every text in a value of plain data. Pure. */
export const escapedIn = <T extends object>(value: T): T =>
  JSON.parse(JSON.stringify(value), (_, item: unknown) =>
    typeof item === 'string' ? escaped(item) : item,
  ) as T

/** An address without what may be secret in it: `http://***@gpu1:8000/v1?***`. Pure. */
export const maskedUrl = (url: string): string =>
  url.replace(/\/\/[^/\\?#]*@/, '//***@').replace(/[?#].*$/s, '?***')
