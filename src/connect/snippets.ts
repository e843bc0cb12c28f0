import type { Connection } from './tool.ts'

export const languages = ['python', 'js', 'curl', 'langchain', 'ai-sdk'] as const
export type Language = (typeof languages)[number]

/** A program that asks the model once. The key is read from INHOUSE_KEY. */
export const snippet = (language: Language, { url, model }: Pick<Connection, 'url' | 'model'>): string =>
  writers[language](`${url}/v1`, model.name)

const writers: Readonly<Record<Language, (url: string, model: string) => string>> = {
  python: (url, model) => `# pip install openai
import os
from openai import OpenAI

client = OpenAI(base_url=${quoted(url)}, api_key=os.environ["INHOUSE_KEY"])
stream = client.chat.completions.create(
    model=${quoted(model)},
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
`,
  js: (url, model) => `// npm install openai
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: ${quoted(url)}, apiKey: process.env.INHOUSE_KEY })
const stream = await client.chat.completions.create({
  model: ${quoted(model)},
  messages: [{ role: 'user', content: 'Why is the sky blue?' }],
  stream: true,
})
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '')
`,
  curl: (url, model) => `curl -sN ${url}/chat/completions \\
  -H "Authorization: Bearer $INHOUSE_KEY" -H 'Content-Type: application/json' \\
  -d '${JSON.stringify({
    model,
    messages: [{ role: 'user', content: 'Why is the sky blue?' }],
    stream: true,
  }).replaceAll("'", String.raw`'\''`)}'
`,
  langchain: (url, model) => `# pip install langchain-openai
import os
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model=${quoted(model)}, base_url=${quoted(url)}, api_key=os.environ["INHOUSE_KEY"])
for chunk in model.stream("Why is the sky blue?"):
    print(chunk.text, end="", flush=True)
`,
  'ai-sdk': (url, model) => `// npm install ai @ai-sdk/openai-compatible
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { streamText } from 'ai'

const inhouse = createOpenAICompatible({
  name: 'inhouse',
  baseURL: ${quoted(url)},
  apiKey: process.env.INHOUSE_KEY,
})
const { textStream } = streamText({ model: inhouse(${quoted(model)}), prompt: 'Why is the sky blue?' })
for await (const text of textStream) process.stdout.write(text)
`,
}

/** The same in JavaScript and Python. */
const quoted = (text: string): string => JSON.stringify(text)
