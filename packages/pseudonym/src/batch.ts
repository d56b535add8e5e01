/** A batch in which some items have failed: the others go on, and every result stays at its item's place. */
import { PseudonymError, succeeded } from './pseudonym-error.ts'

/** What `run` gives for the items that have not failed (one result each, in order), merged with those that have. */
export async function onSucceeded<T, R>(
  items: readonly (T | PseudonymError)[],
  run: (items: Exclude<T, PseudonymError>[]) => Promise<readonly (R | PseudonymError)[]>,
): Promise<(R | PseudonymError)[]> {
  const going = items.filter(succeeded)
  const results = going.length === 0 ? [] : await run(going)
  let next = 0
  return items.map(item => (item instanceof PseudonymError ? item : results[next++]!))
}
