export * from './types'
export * from './client'
export * from './events'
export * from './shared'
