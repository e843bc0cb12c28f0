/** Lines that are comments are none. */
export const withoutComments = (text: string): string => text.replaceAll(/^[ \t]*#.*$/gm, '')

/**
 * The words of a command line as a POSIX shell takes them apart: quotes, backslashes, lines that go on. Undefined where a
 * quote stays open. Nothing is filled in.
 */
export function wordsOf(text: string): readonly string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charAt(at)
    const next = text.charAt(at + 1)
    if (quote !== '') {
      if (sign === quote) quote = ''
      else if (sign === '\\' && quote === '"' && '"\\$`'.includes(next))
        word = `${word ?? ''}${text.charAt(++at)}`
      else word = `${word ?? ''}${sign}`
    } else if (sign === '"' || sign === "'") {
      quote = sign
      word ??= ''
    } else if (sign === '\\') {
      at += 1
      // A line that goes on.
      if (next !== '\n' && next !== '') word = `${word ?? ''}${next}`
    } else if (/\s/.test(sign)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = `${word ?? ''}${sign}`
  }
  if (quote !== '') return undefined
  return word === undefined ? words : [...words, word]
}
