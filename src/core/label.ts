/** How sensitive a request is, lowest first. A later step may raise a label, never lower it. */
export const labels = ['public', 'internal', 'personal', 'confidential', 'restricted'] as const
export type Label = (typeof labels)[number]

export const isAbove = (label: Label, clearance: Label): boolean =>
  labels.indexOf(label) > labels.indexOf(clearance)
