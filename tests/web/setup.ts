import { Household, type Merchant } from './merchant.ts'

/** Workers inherit this variable. */
export const MERCHANT = 'GUITAI_MERCHANT'

export default async function setup(): Promise<() => Promise<void>> {
  const household = new Household()
  let merchant: Merchant
  try {
    merchant = await household.open()
  } catch (fault) {
    await household.close()
    throw fault
  }
  process.env[MERCHANT] = JSON.stringify(merchant)
  return () => household.close()
}
