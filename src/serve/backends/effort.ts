import type { ChatPrompt } from '../../core/request.ts'

/** How hard to think, in OpenAI's words. A budget of tokens is the nearest of them; that it was one is told. */
export function effortOf(
  { reasoningEffort, reasoningBudgetTokens: budget }: ChatPrompt,
  warnings: Set<string>,
): string | undefined {
  if (budget === undefined) return reasoningEffort
  warnings.add('thinking.budget_tokens')
  return reasoningEffort ?? (budget < 4096 ? 'low' : budget < 16_384 ? 'medium' : 'high')
}
