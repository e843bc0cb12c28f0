/**
 * The words of a command line as a POSIX shell takes them apart: quotes, backslashes, lines that go on, and lines that are
 * comments. Undefined where a quote stays open. Nothing is filled in.
 */
export function wordsOf(text: string): readonly string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  const line = text.replaceAll(/^[ \t]*#.*$/gm, '')
  for (let at = 0; at < line.length; at += 1) {
    const sign = line.charAt(at)
    const next = line.charAt(at + 1)
    if (quote !== '') {
      if (sign === quote) quote = ''
      else if (sign === '\\' && quote === '"' && '"\\$`'.includes(next))
        word = `${word ?? ''}${line.charAt(++at)}`
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
