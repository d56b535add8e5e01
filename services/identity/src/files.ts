/**
 * The three things done with files here: is it there, what JSON does it hold, write it whole or not at all.
 *
 * Messages of JSON.parse quote the text around the mistake; the text may be a key, so only line and column pass on.
 */
import { open, rename, rm } from 'node:fs/promises'

/** The named system error (`ENOENT`, `EEXIST`), as Node throws it. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

export type Json = { readonly value: unknown } | { readonly mistake: string }

export function parseJson(text: string): Json {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    const place = error instanceof SyntaxError ? /line \d+ column \d+/.exec(error.message) : null
    return { mistake: place === null ? 'it is not JSON' : `it is not JSON (${place[0]})` }
  }
}

/** Makes a file that must not exist yet, durable once this returns. EEXIST when it does. Mode as `0o600`. */
export async function createFile(path: string, content: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * Replaces a file by what `change` makes of it. A reader sees the old or the new content, never a part.
 * `path.new` is the lock as well as the new content: EEXIST when another change is under way.
 */
export async function replaceFile(path: string, mode: number, change: () => Promise<string>): Promise<void> {
  const next = await open(`${path}.new`, 'wx', mode)
  let complete = false
  try {
    await next.writeFile(await change())
    await next.sync()
    complete = true
  } finally {
    await next.close()
    if (!complete) await rm(`${path}.new`)
  }
  await rename(`${path}.new`, path)
}
