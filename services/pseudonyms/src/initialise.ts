/**
 * Makes what `start` expects to find, because it was called by name: the key in the box that transit keys are wrapped
 * for. Calling it again changes nothing.
 */
import { type Box, BoxError, type Grant } from '@littlebox/box'
import { transitWrapping } from './transit-keys.ts'

/** BoxError `not-granted`, and those of the box. */
export async function makeWrappingKey(box: Box, grant: Grant): Promise<void> {
  const [name, version] = transitWrapping.split('@')
  const standing = await box.describe(transitWrapping).catch((error: unknown) => {
    if (error instanceof BoxError && error.code === 'no-such-key') return undefined
    throw error
  })
  const key =
    standing ??
    (await box.create({ name: name!, version: Number(version), purpose: 'unwrap', algorithm: 'ECDH-ES+A256KW' }, grant))
  if (key.state === 'pre-activation') await box.change(transitWrapping, { to: 'active' }, grant)
}
