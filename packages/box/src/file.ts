/**
 * The `file` driver, for evaluation: a box in one encrypted file. Private keys are in this process's memory while the box
 * is open, so root on the machine and whoever reads a core dump can take them, and so can whoever has file and
 * passphrase. Everything else behaves as with hardware: keys have one purpose, states decide, nothing returns a key.
 */
import { existsSync } from 'node:fs'
import type { Engine } from '@littlebox/curve'
import type { Box, DomainKeyMaker } from './box.ts'
import { BoxError } from './box-error.ts'
import { fileBox } from './file/box.ts'
import { ecdhMultiplier } from './file/ecdh.ts'
import { type FileKey, makeFileKey, serialize, unlock } from './file/format.ts'
import { type Keyring, loadKeyring } from './file/keyring.ts'
import { followFile } from './file/live.ts'
import { withLock } from './file/lock.ts'
import { nativeMultiplier } from './file/multiplier.ts'
import { readBoxFile, writeBoxFile } from './file/storage.ts'
import { type evaluationOnly, requireEvaluation } from './grant.ts'

export { readPassphrase } from './file/passphrase.ts'
export { evaluationGrant, evaluationOnly } from './grant.ts'

export interface FileBoxSettings {
  readonly path: string
  /** As `readPassphrase` gives it; not kept. */
  readonly passphrase: Uint8Array
  /** The native engine; with the portable one keys are multiplied by node:crypto's ECDH, and `health` says `ecdh`. */
  readonly engine: Engine
}

export type FileBox = Box & DomainKeyMaker

/**
 * Opens the box and tests every key in it. BoxError `not-granted` without the symbol, `box-away` when there is no such
 * file (none is made), `box-locked` when others may read it, `pin-refused`, `state-unknown` when it was cut or changed.
 */
export async function openFileBox(settings: FileBoxSettings, acknowledged: typeof evaluationOnly): Promise<FileBox> {
  requireEvaluation(acknowledged)
  const { text } = await readBoxFile(settings.path)
  return use(settings, await unlock(text, settings.passphrase))
}

/** Makes an empty box and opens it. BoxError `bad-input` when there is a file already. */
export async function createFileBox(settings: FileBoxSettings, acknowledged: typeof evaluationOnly): Promise<FileBox> {
  requireEvaluation(acknowledged)
  const { path, passphrase } = settings
  const key = await makeFileKey(passphrase)
  await withLock(path, async () => {
    if (existsSync(path)) throw new BoxError('bad-input', `there is a file at ${path} already`)
    await writeBoxFile(path, serialize(key, { revision: 0, keys: [] }))
  })
  return use(settings, key)
}

async function use({ path, engine }: FileBoxSettings, key: FileKey): Promise<FileBox> {
  const multiplier = engine.name === 'native' ? nativeMultiplier(engine) : ecdhMultiplier(engine)
  const file = await followFile<Keyring>(path, key, (contents, before) =>
    loadKeyring(key, contents, before, multiplier, engine),
  )
  return fileBox(file, key, multiplier)
}
