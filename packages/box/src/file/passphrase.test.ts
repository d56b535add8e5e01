import { chmod, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { newPath } from './box.fixture.ts'
import { readPassphrase } from './passphrase.ts'

describe('readPassphrase', () => {
  const file = async (text: string, mode = 0o600) => {
    const path = newPath()
    await writeFile(path, text)
    await chmod(path, mode)
    return path
  }

  it('gives the bytes of the file without one newline at its end', async () => {
    expect(await readPassphrase(await file(' pass phrase \n'))).toEqual(Uint8Array.from(Buffer.from(' pass phrase ')))
    expect(await readPassphrase(await file('pass\n\n', 0o400))).toEqual(Uint8Array.from(Buffer.from('pass\n')))
  })

  it.each(['644', '640', '602'])('refuses mode %s: pin-refused', async mode => {
    await expect(readPassphrase(await file('pass', Number.parseInt(mode, 8)))).rejects.toMatchObject({
      code: 'pin-refused',
    })
  })

  it('refuses what is missing, empty or long: pin-refused', async () => {
    for (const path of [newPath(), await file(''), await file('\n'), await file('x'.repeat(1025))])
      await expect(readPassphrase(path)).rejects.toMatchObject({ code: 'pin-refused' })
  })
})
