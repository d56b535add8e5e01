/**
 * The injection container inside @peculiar/x509 refuses to load without the metadata calls of the Reflect proposal, though
 * it keeps nothing in them for what is used here. Import this before it.
 */
const nothing = () => undefined

Object.assign(Reflect, {
  getMetadata: nothing,
  getOwnMetadata: nothing,
  hasMetadata: () => false,
  defineMetadata: nothing,
})

export {}
