/** What our own surface puts before a thought that it packed: no vendor can read it. */
export const ownSeal = 'ih1.'
