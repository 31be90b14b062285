// The JSON of /api/v1 under the names the pages use. What each holds is made of the programs' own descriptions (`npm run types`).
import type { components as Hub } from './generated/hub'
import type { components as Node } from './generated/node'

type OfNode = Node['schemas']
type OfHub = Hub['schemas']

export type PaymentState = OfNode['State']
export type Payment = OfNode['Payment']
export type ChargeRequest = OfNode['Charge']
export type RefundRequest = OfNode['Refund']
export type Approver = OfNode['Approver']
/** A refusal. One that came from something in between has a status and no more. */
export type Problem = Partial<OfNode['ProblemBody']> & Pick<OfNode['ProblemBody'], 'type' | 'title' | 'status' | 'code'>
export type Session = OfNode['Session']
export type Stats = OfNode['Stats']
export type Announcement = OfNode['NodeAnnouncement']
export type Sync = OfNode['Sync']
export type Health = OfNode['Health']
/** What a node's event stream tells, by name. */
export type NodeEvents = OfNode['NodeEvents']
export type NoticeEvent = NodeEvents['notice']
export type ScanEvent = NodeEvents['scan']

export type HubStats = OfHub['HubStats']
export type HubAnnouncement = OfHub['HubAnnouncement']
export type StoreRow = OfHub['StoreRow']
/** What the hub's event stream tells, by name. */
export type HubEvents = OfHub['HubEvents']

/** What both pages show with the same parts, node and hub must describe alike: else a line below does not compile. */
type Alike<A, B> = [A, B] extends [B, A] ? true : false
type Must<Be extends true> = Be
export type Shared = [
  Must<Alike<Payment, OfHub['Payment']>>,
  Must<Alike<Session, OfHub['Session']>>,
  Must<Alike<OfNode['ProblemBody'], OfHub['ProblemBody']>>,
]
