/**
 * A replica of the pseudonymisation service for evaluation: the service's own command `serve`, with the one difference that
 * keys of the issuer and of owners may come by plain HTTP, since everything here is on this machine.
 */
import { allowInsecureHttp, readServiceConfig, serve } from '@littlebox/pseudonyms'

await serve(readServiceConfig(process.env), allowInsecureHttp)
