/** Stands for a key of ours. */
export const unseen = 'ih-…'

/** A name whose value is a secret, in the ways settings are written: `"apiKey": "…"`, `token = '…'`, `X_KEY=…`. */
const named =
  /((?:key|token|secret|passw(?:or)?d|passphrase|authorization|credential)s?[-_]?\d*["']?[ \t]*[:=]\s*\[?\s*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s"'[\]{},#|>&*][^"',\]}\n]*)/gi
/** What is no secret under such a name: a number, a switch, the name of a variable, or a key of ours that is masked. */
const plain = /^(?:-?[\d.]+|true|false|null|~|\$?\{?[A-Z]+(?:_[A-Z\d]+)+\}?|ih-…)$/
const bearer = /(\bbearer[ \t]+)[^\s"',]+/gi
const inUrl = /(:\/\/[^\s/:@"']*:)[^\s/@"']+@/g
/** Keys that show by their beginning what they are. */
const foreign =
  /(?<![\w-])(?:sk-|pk-|ghp_|gho_|github_pat_|glpat-|hf_|gsk_|xai-|xox[abp]-|AIza|AKIA)[\w-]{12,}/g

/** Settings for the screen: keys and other secrets are not to be seen. Pure. */
export const masked = (text: string): string =>
  text
    .replaceAll(/\bih-\w{20,}/g, unseen)
    .replaceAll(foreign, '…')
    .replaceAll(bearer, (all: string, before: string) => (all.endsWith(unseen) ? all : `${before}…`))
    .replaceAll(inUrl, '$1…@')
    .replaceAll(named, (all: string, before: string, value: string) => {
      const quote = /^["']/.exec(value)?.[0] ?? ''
      const bare = quote === '' ? value.trim() : value.slice(1, -1)
      return bare === '' || plain.test(bare) || bare.endsWith(unseen) ? all : `${before}${quote}…${quote}`
    })
