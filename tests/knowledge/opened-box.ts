/** The domain keys of a box file, for a test that has its passphrase and has to know what nobody may. */
import { readFile } from 'node:fs/promises'
import { openPrivate, parse, unlock } from '../../packages/box/src/file/format.ts'

/** k by the key's name, `domain/…/forward`. */
export async function domainKeys(boxFile: string, passphraseFile: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const text = await readFile(boxFile, 'utf8')
  const key = await unlock(text, await readFile(passphraseFile))
  const records = parse(key, text).keys.filter(({ kind }) => kind.purpose === 'multiply')
  return new Map(records.map(record => [record.name, openPrivate(key, record, record.sealed!)]))
}
