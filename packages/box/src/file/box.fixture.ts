/** For the tests of the `file` driver: boxes in a folder of their own, removed at the end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nativeEngine } from '@littlebox/curve/native'
import { afterAll } from 'vitest'
import type { KeyRef } from '../box.ts'
import {
  createFileBox,
  evaluationGrant,
  evaluationOnly,
  type FileBox,
  type FileBoxSettings,
  openFileBox,
} from '../file.ts'
import type { Grant } from '../grant.ts'

export const passphrase: Uint8Array = Buffer.from('not a passphrase for anything else')
export const grant: Grant = evaluationGrant(evaluationOnly)
const folder = mkdtempSync(join(tmpdir(), 'littlebox-box-'))
afterAll(() => rmSync(folder, { recursive: true }))

const engine = await nativeEngine()
let sequence = 0

/** A path in the folder that nothing has used yet. */
export function newPath(): string {
  return join(folder, String(sequence++))
}

export function settings(): FileBoxSettings {
  return { path: newPath(), passphrase, engine }
}

export function reopen(from: FileBoxSettings): Promise<FileBox> {
  return openFileBox(from, evaluationOnly)
}

export interface Filled {
  readonly at: FileBoxSettings
  readonly box: FileBox
  readonly forward: KeyRef
  readonly back: KeyRef
}

/** A box with an active pair of domain keys. */
export async function filled(): Promise<Filled> {
  const at = settings()
  const box = await createFileBox(at, evaluationOnly)
  const made = await box.createDomainKey({ domain: 'd', version: 1, curve: 'P-256', back: true }, grant)
  const [forward, back] = [made.forward.key, made.back!.key]
  for (const key of [forward, back]) await box.change(key, { to: 'active' }, grant)
  return { at, box, forward, back }
}
