/** For file.test.ts: makes keys in the box given until it is killed, and prints each once it is acknowledged. */
import { nativeEngine } from '@littlebox/curve/native'
import { evaluationGrant, evaluationOnly, openFileBox, readPassphrase } from '../file.ts'

const [path, passphrasePath, name] = process.argv.slice(2)
const passphrase = await readPassphrase(passphrasePath!)
const box = await openFileBox({ path: path!, passphrase, engine: await nativeEngine() }, evaluationOnly)
const grant = evaluationGrant(evaluationOnly)
for (let version = 1; ; version++) {
  const { key } = await box.create({ name: name!, version, purpose: 'derive', algorithm: 'HMAC-SHA-256' }, grant)
  process.stdout.write(`${key}\n`)
}
